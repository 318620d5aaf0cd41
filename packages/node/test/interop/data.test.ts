import { setTimeout as delay } from "node:timers/promises";
import { digestOf, MIB, randomData, sha256, writeAll } from "@nacre/testing/interop/data";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { useServer, within } from "@nacre/testing/interop/server";
import type { TraceRecord } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConnectOptions } from "../../src/index.ts";

const server = useServer();

/** Offers only this cipher and this MAC. */
function only(cipher: string, mac?: string): Partial<ConnectOptions> {
  return {
    algorithms: {
      ...defaultAlgorithms,
      ciphers: defaultAlgorithms.ciphers.filter(({ name }) => name === cipher),
      macs: defaultAlgorithms.macs.filter(({ name }) => mac === undefined || name === mac),
    },
  };
}

const digestLine = (bytes: Uint8Array): string => `${sha256(bytes)}  -\n`;

const big = randomData(16 * MIB);
const bigDigest = { sha256: sha256(big), length: big.length };
let bigFile: string;
beforeAll(async () => {
  bigFile = await putRemoteFile(big);
});
afterAll(() => removeRemoteFile(bigFile));

describe("exec", () => {
  test.for([0, 1, MIB, 16 * MIB])("%i bytes up", async (size) => {
    const data = big.subarray(0, size);
    await using client = await server.connect();
    const { stdout, stderr, status } = await client.exec("sha256sum", { input: data });
    expect({ stdout, stderr, status }).toEqual({ stdout: digestLine(data), stderr: "", status: 0 });
  });

  test.for([0, 1, MIB, 16 * MIB])("%i bytes down", async (size) => {
    await using client = await server.connect();
    const { stdout, status } = await client.exec(`head -c ${size} ${bigFile}`, { encoding: "bytes" });
    expect({ length: stdout.length, digest: sha256(stdout), status }).toEqual({
      length: size,
      digest: sha256(big.subarray(0, size)),
      status: 0,
    });
  });

  test("output beyond maxOutput ends the command but not the connection", async () => {
    await using client = await server.connect();
    await expect(client.exec(`cat ${bigFile}`, { maxOutput: MIB })).rejects.toMatchObject({
      code: "output-limit",
      culprit: "caller",
    });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("text is UTF-8, and binary data is unchanged", async () => {
    await using client = await server.connect();
    const text = "grüße, 世界 🦪\n";
    expect((await client.exec("cat", { input: text })).stdout).toBe(text);
    const all = Uint8Array.from({ length: 512 }, (_, i) => i);
    expect((await client.exec("cat", { input: all, encoding: "bytes" })).stdout).toEqual(all);
  });
});

describe("spawn", () => {
  test.for([0, MIB, 16 * MIB])("%i bytes up and down concurrently", async (size) => {
    const data = big.subarray(0, size);
    await using client = await server.connect();
    const cat = await client.spawn("cat");
    const [received] = await Promise.all([digestOf(cat.stdout), writeAll(cat.stdin, data)]);
    expect(received).toEqual({ sha256: sha256(data), length: size });
    expect(await cat.exit).toMatchObject({ status: 0 });
  });

  test.for([
    ["aes256-ctr", "hmac-sha2-256"],
    ["aes128-ctr", "hmac-sha2-512-etm@openssh.com"],
    ["aes256-gcm@openssh.com", undefined],
    ["chacha20-poly1305@openssh.com", undefined],
  ] as const)("4 MiB up, then 4 MiB down: %s %s", async ([cipher, mac]) => {
    const part = big.subarray(0, 4 * MIB);
    await using client = await server.connect(only(cipher, mac));
    expect(client.info.negotiated.clientToServer.cipher.name).toBe(cipher);
    const down = await client.spawn(`head -c ${part.length} ${bigFile}`);
    expect(await digestOf(down.stdout)).toEqual({ sha256: sha256(part), length: part.length });
    const up = await client.spawn("sha256sum");
    await writeAll(up.stdin, part);
    expect((await up.stdout.toArray()).join("")).toBe(digestLine(part));
  });

  // Covers every packet length, so that each alignment and padding occurs.
  test.for([
    ...["aes128-ctr", "aes192-ctr", "aes256-ctr"].flatMap((cipher) =>
      defaultAlgorithms.macs.map(({ name }) => [cipher, name] as const),
    ),
    ["aes128-gcm@openssh.com", undefined] as const,
    ["aes256-gcm@openssh.com", undefined] as const,
    ["chacha20-poly1305@openssh.com", undefined] as const,
  ])("chunks of each length from 1 to 600 bytes: %s %s", async ([cipher, mac]) => {
    await using client = await server.connect(only(cipher, mac));
    const cat = await client.spawn("cat");
    const data = big.subarray(0, (600 * 601) / 2);
    const received = digestOf(cat.stdout);
    for (let length = 1, offset = 0; length <= 600; offset += length++) {
      // Each write becomes one message.
      await new Promise((resolve) => cat.stdin.write(data.subarray(offset, offset + length), resolve));
    }
    cat.stdin.end();
    expect(await received).toEqual({ sha256: sha256(data), length: data.length });
  });

  test("stdout and stderr are separate", async () => {
    await using client = await server.connect();
    const both = await client.spawn(`head -c ${MIB} ${bigFile}; tail -c ${2 * MIB} ${bigFile} >&2`);
    const [stdout, stderr] = await Promise.all([digestOf(both.stdout), digestOf(both.stderr)]);
    expect(stdout).toEqual({ sha256: sha256(big.subarray(0, MIB)), length: MIB });
    expect(stderr).toEqual({ sha256: sha256(big.subarray(-2 * MIB)), length: 2 * MIB });
  });

  test("unread stderr blocks nothing, and its first 256 KiB are kept", async () => {
    await using client = await server.connect();
    const noisy = await client.spawn(`head -c ${8 * MIB} ${bigFile} >&2; echo done`);
    expect((await noisy.stdout.toArray()).join("")).toBe("done\n");
    expect(await noisy.exit).toMatchObject({ status: 0 });
    expect(await digestOf(noisy.stderr)).toEqual({ sha256: sha256(big.subarray(0, MIB / 4)), length: MIB / 4 });
  });

  test("a command that does not read its input still ends", async () => {
    await using client = await server.connect();
    const deaf = await client.spawn("exec <&-; echo bye");
    await within(
      20_000,
      writeAll(deaf.stdin, big).catch(() => {}),
    );
    expect((await deaf.stdout.toArray()).join("")).toBe("bye\n");
    expect(await deaf.exit).toMatchObject({ status: 0 });
  });
});

describe("flow control", () => {
  test("a slow reader gets all data", async () => {
    await using client = await server.connect();
    const size = 8 * MIB;
    const cat = await client.spawn(`head -c ${size} ${bigFile}`);
    const chunks: Uint8Array[] = [];
    let read = 0;
    for await (const chunk of cat.stdout as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      // About twenty pauses, each long enough to exhaust the window.
      if (Math.floor(read / (400 * 1024)) !== Math.floor((read += chunk.length) / (400 * 1024))) await delay(10);
    }
    const received = Buffer.concat(chunks);
    expect({ length: received.length, digest: sha256(received) }).toEqual({
      length: size,
      digest: sha256(big.subarray(0, size)),
    });
  });

  test("a stalled reader stops the server at the window without blocking other channels", async () => {
    const initialWindow = 256 * 1024;
    let received = 0;
    let waiting: { readonly bytes: number; readonly resolve: () => void } | undefined;
    const trace = (record: TraceRecord): void => {
      if (record.type !== "packet" || record.message !== "SSH_MSG_CHANNEL_DATA") return;
      const [, channel, bytes] = /^(\d+), (\d+) bytes$/.exec(record.summary) ?? [];
      if (record.direction === "received" && channel === "0") received += Number(bytes);
      if (waiting !== undefined && received >= waiting.bytes) waiting.resolve();
    };
    await using client = await server.connect({ limits: { initialWindow }, trace });
    const cat = await client.spawn(`cat ${bigFile}`);
    await within(20_000, new Promise<void>((resolve) => (waiting = { bytes: initialWindow, resolve })));
    // Any data that the server could still send would arrive before this reply.
    expect((await client.exec(`head -c ${MIB} ${bigFile}`, { encoding: "bytes" })).stdout).toHaveLength(MIB);
    expect((await client.exec("echo on")).stdout).toBe("on\n");
    expect(received).toBe(initialWindow);
    expect(cat.stdout.readableLength).toBeLessThanOrEqual(initialWindow);

    expect(await digestOf(cat.stdout)).toEqual(bigDigest);
    expect(received).toBe(big.length);
  });
});
