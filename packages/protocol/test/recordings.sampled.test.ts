import type { PrivateKey } from "@nacre/keys";
import { type Scenario, ScriptedClient, userKeyOf } from "@nacre/testing/protocol/scripted-client";
import { sample } from "@nacre/testing/sample";
import { base64Decode, concatBytes, toHex } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import file from "../../../test-vectors/recordings.json" with { type: "json" };

const keys = new Map<string, PrivateKey>();

function clientOf(scenario: Scenario): ScriptedClient {
  let key = keys.get(scenario.userKey);
  if (key === undefined) keys.set(scenario.userKey, (key = userKeyOf(scenario)));
  return new ScriptedClient(scenario, key);
}

const recordings = file.recordings.map(({ chunks, outcome, serverHostKey, ...scenario }) => ({
  name: scenario.name,
  scenario: scenario as Scenario,
  outcome,
  serverHostKey,
  chunks: chunks.map(({ from, bytes }) => ({ from, bytes: base64Decode(bytes)! })),
}));

describe.each(recordings)("recorded OpenSSH connection $name", ({ scenario, chunks, outcome, serverHostKey }) => {
  const sent = toHex(concatBytes(...chunks.filter(({ from }) => from === "client").map(({ bytes }) => bytes)));
  const received = concatBytes(...chunks.filter(({ from }) => from === "server").map(({ bytes }) => bytes));

  it("is reproduced byte for byte", () => {
    const client = clientOf(scenario);
    const output = [client.start()];
    for (const { from, bytes } of chunks) if (from === "server") output.push(client.receive(bytes));
    expect(toHex(concatBytes(...output))).toBe(sent);
    expect(client.error?.code).toBe("closed");
    expect(client.outcome).toEqual(outcome);
    expect(client.hostKey).toBe(serverHostKey);
  });

  it("gives the same output when received byte by byte", () => {
    const client = clientOf(scenario);
    const output = [client.start()];
    for (const byte of received) output.push(client.receive(Uint8Array.of(byte)));
    expect(toHex(concatBytes(...output))).toBe(sent);
    expect(client.outcome).toEqual(outcome);
  });
});

describe("recorded OpenSSH connection chacha20", () => {
  const { scenario, chunks } = recordings[0]!;
  const received = chunks.filter(({ from }) => from === "server").map(({ bytes }) => bytes);
  const length = concatBytes(...received).length;

  /** Returns a client that received the recorded bytes up to `end`, then the end of the input. `change` may modify each chunk. */
  function cutAt(end: number, change?: (chunk: Uint8Array, offset: number) => void): ScriptedClient {
    const client = clientOf(scenario);
    client.start();
    let offset = 0;
    for (const bytes of received) {
      const chunk = bytes.slice(0, Math.max(0, end - offset));
      change?.(chunk, offset);
      client.receive(chunk);
      offset += bytes.length;
    }
    client.end();
    return client;
  }

  it("ends with an error event, without throwing, when cut off after any byte", () => {
    const codes = new Set<string | undefined>();
    for (const end of sample(0, length, 29)) codes.add(cutAt(end).error?.code);
    expect(codes).toEqual(new Set(["connection-lost", "not-ssh"]));
    expect(cutAt(length).error?.code).toBe("closed");
  }, 240_000);

  it("ends with an error when any byte is changed, except in the padding of plaintext packets", () => {
    const padding = plaintextPadding(concatBytes(...received));
    expect(padding.size).toBeGreaterThan(3 * 4);
    for (const at of sample(0, length, 61)) {
      const client = cutAt(length, (chunk, offset) => {
        if (at >= offset && at < offset + chunk.length) chunk[at - offset]! ^= 1 << (at % 8);
      });
      expect(client.error?.code === "closed", `byte ${at}`).toBe(padding.has(at));
    }
  }, 240_000);
});

/** Returns the offsets of padding bytes in packets up to NEWKEYS. No MAC protects them (RFC 4253 §8). */
function plaintextPadding(stream: Uint8Array): Set<number> {
  const data = new DataView(stream.buffer, stream.byteOffset);
  const positions = new Set<number>();
  let offset = stream.indexOf(0x0a) + 1;
  for (let number = 0; number !== 21; ) {
    const end = offset + 4 + data.getUint32(offset);
    number = stream[offset + 5]!;
    for (let i = end - stream[offset + 4]!; i < end; i++) positions.add(i);
    offset = end;
  }
  return positions;
}
