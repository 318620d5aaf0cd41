import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { ed25519, generateEcdsa, generateEd25519, type PrivateKey } from "@nacre/keys";
import { Reader, utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { agentIdentities } from "../src/keys/agent.ts";
import { codeOf, counting, serve, socketPath, type TestServer, temporaryFolder, watchResources } from "./support.ts";

const key = generateEd25519(counting);
const other = generateEcdsa("nistp256", counting);

const rsa = new Writer()
  .string("ssh-rsa")
  .mpint(65537n)
  .mpint(2n ** 2047n + 1n)
  .finish();

const frame = (body: Uint8Array): Uint8Array => new Writer().string(body).finish();
const failure = Uint8Array.of(5);

/** Starts an agent that sends the bytes of `answer` for each request, unchanged. */
async function agent(answer: (request: Uint8Array, socket: Socket) => Uint8Array | undefined): Promise<{
  path: string;
  server: TestServer;
}> {
  const path = socketPath(await temporaryFolder(), "agent");
  const server = await serve((socket) => {
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readUInt32BE()) return;
      const reply = answer(new Uint8Array(received.subarray(4)), socket);
      if (reply !== undefined) socket.write(reply);
    });
  }, path);
  return { path, server };
}

function identitiesAnswer(...keys: readonly (readonly [Uint8Array, string])[]): Uint8Array {
  const writer = new Writer().byte(12).uint32(keys.length);
  for (const [blob, comment] of keys) writer.string(blob).string(comment);
  return writer.finish();
}

/** Starts an agent that holds these keys. */
function holding(...keys: readonly PrivateKey[]): (request: Uint8Array) => Uint8Array {
  return (request) => {
    const reader = new Reader(request, "request");
    const type = reader.byte("type");
    if (type === 11) return frame(identitiesAnswer(...keys.map((one) => [one.publicKey.blob, "a comment"] as const)));
    const blob = reader.string("blob");
    const data = reader.string("data");
    const flags = reader.uint32("flags");
    const held = keys.find((one) => Buffer.compare(one.publicKey.blob, blob) === 0);
    if (type !== 13 || held === undefined || flags !== 0) return frame(failure);
    const signature = held.sign(held.publicKey.algorithms[0]!.name, data, counting);
    return frame(new Writer().byte(14).string(signature).finish());
  };
}

describe("an agent", () => {
  test("lists its keys and signs with them, and leaves nothing open", async () => {
    const { path, server } = await agent(holding(key, other));
    const leftOpen = await watchResources();
    const identities = await agentIdentities(path);
    expect(identities.map(({ comment }) => comment)).toEqual(["a comment", "a comment"]);
    expect(identities.map(({ publicKey }) => publicKey.format)).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);

    const data = utf8Encode("what is signed");
    const signature = await identities[0]!.sign("ssh-ed25519", data);
    expect(ed25519.verify(key.publicKey.blob, data, signature!)).toEqual({});

    await Promise.all(server.sockets.map(async (socket) => socket.closed || once(socket, "close")));
    expect(server.sockets).toHaveLength(2);
    expect(await leftOpen()).toEqual([]);
  });

  test("may send its response byte by byte", async () => {
    const whole = holding(key);
    const { path } = await agent((request, socket) => {
      for (const byte of whole(request)) socket.write(Uint8Array.of(byte));
      return undefined;
    });
    expect(await agentIdentities(path)).toHaveLength(1);
  });

  test.each([
    ["rsa-sha2-256", 2, rsa],
    ["rsa-sha2-512", 4, rsa],
    ["ssh-ed25519", 0, key.publicKey.blob],
  ])("receives the flags for %s: %d", async (algorithm, flag, blob) => {
    const flags: number[] = [];
    const signature = new Writer().string(algorithm).string("signature").finish();
    const { path } = await agent((request) => {
      if (request[0] === 11) return frame(identitiesAnswer([blob, ""]));
      flags.push(new DataView(request.buffer).getUint32(request.length - 4));
      return frame(new Writer().byte(14).string(signature).finish());
    });
    const [identity] = await agentIdentities(path);
    expect(await identity!.sign(algorithm, utf8Encode("data"))).toEqual(signature);
    expect(flags).toEqual([flag]);
  });

  test("may hold unsupported keys, which are left out", async () => {
    const sk = new Writer().string("sk-ssh-ed25519@openssh.com").string(new Uint8Array(32)).string("ssh:").finish();
    const malformed = Uint8Array.of(1, 2, 3);
    const keys = [sk, malformed, key.publicKey.blob].map((blob) => [blob, ""] as const);
    const { path } = await agent(() => frame(identitiesAnswer(...keys)));
    expect((await agentIdentities(path)).map(({ publicKey }) => publicKey.format)).toEqual(["ssh-ed25519"]);
  });

  test("may refuse to sign, which skips the key", async () => {
    const { path } = await agent((request) =>
      frame(request[0] === 11 ? identitiesAnswer([key.publicKey.blob, ""]) : failure),
    );
    const [identity] = await agentIdentities(path);
    expect(await identity!.sign("ssh-ed25519", utf8Encode("data"))).toBeUndefined();
  });
});

const twice = (answer: Uint8Array): Uint8Array => Buffer.concat([answer, answer]);

describe("an agent that sends two responses", () => {
  test("fails a request for its keys", async () => {
    const { path } = await agent((request) => twice(holding(key)(request)));
    await expect(agentIdentities(path)).rejects.toMatchObject({
      code: "agent-failed",
      message: expect.stringContaining("sent an answer without a request"),
    });
  });

  test("fails a request for a signature", async () => {
    const { path } = await agent((request) => {
      const answer = holding(key)(request);
      return request[0] === 13 ? twice(answer) : answer;
    });
    const [identity] = await agentIdentities(path);
    await expect(identity!.sign("ssh-ed25519", utf8Encode("data"))).rejects.toMatchObject({
      code: "agent-failed",
      message: expect.stringContaining("sent an answer without a request"),
    });
  });
});

describe("a faulty agent", () => {
  const list = identitiesAnswer([key.publicKey.blob, ""]);
  test.each<[string, (socket: Socket) => Uint8Array | undefined]>([
    ["reports failure", () => frame(failure)],
    ["sends another message type", () => frame(Uint8Array.of(6))],
    ["sends an empty message", () => frame(new Uint8Array())],
    ["announces more than 256 KiB", () => new Writer().uint32(256 * 1024 + 1).finish()],
    ["announces 4 GiB", () => new Writer().uint32(0xffff_ffff).finish()],
    ["sends data after the response", () => new Writer().string(list).byte(0).finish()],
    ["counts more keys than it sends", () => frame(new Writer().byte(12).uint32(0xffff_ffff).finish())],
    ["adds bytes after its keys", () => frame(new Writer().raw(list).byte(0).finish())],
    ["closes during its response", (socket) => (socket.end(frame(list).subarray(0, 30)), undefined)],
    ["closes without a response", (socket) => (socket.end(), undefined)],
    ["breaks the connection", (socket) => (socket.destroy(), undefined)],
  ])("causes `agent-failed` if it %s", async (_, answer) => {
    const { path } = await agent((_request, socket) => answer(socket));
    const leftOpen = await watchResources();
    expect(await codeOf(agentIdentities(path))).toBe("agent-failed");
    expect(await leftOpen()).not.toContain("Timeout");
  });

  test("causes `agent-failed` if it sends no list of keys", async () => {
    const { path } = await agent(() => undefined);
    await expect(agentIdentities(path, { listTimeout: 500 })).rejects.toMatchObject({
      code: "agent-failed",
      message: expect.stringContaining("no response within 500 ms"),
    });
  });

  test("causes `agent-failed` if it sends no signature", async () => {
    const { path } = await agent((request) => (request[0] === 11 ? frame(list) : undefined));
    const [identity] = await agentIdentities(path, { signTimeout: 20 });
    expect(await codeOf(identity!.sign("ssh-ed25519", utf8Encode("data")))).toBe("agent-failed");
  });

  test.each([
    ["before the request", () => {}],
    ["while it lists its keys", (abort: AbortController) => abort.abort()],
  ])("can be aborted %s", async (_, onRequest) => {
    const abort = new AbortController();
    const { path, server } = await agent(() => {
      onRequest(abort);
      return undefined;
    });
    const leftOpen = await watchResources();
    if (onRequest.length === 0) abort.abort();
    expect(await codeOf(agentIdentities(path, { signal: abort.signal }))).toBe("aborted");
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("causes `agent-failed` if it does not exist", async () => {
    const folder = await temporaryFolder();
    await expect(agentIdentities(join(folder, "none"))).rejects.toMatchObject({
      code: "agent-failed",
      culprit: "peer",
      message: expect.stringMatching(/cannot use the SSH agent at \S+none: .*ENOENT/),
    });
    await expect(agentIdentities(join(folder, "\x1b"))).rejects.toMatchObject({
      message: expect.not.stringContaining("\x1b"),
    });
  });

  test("causes `agent-failed` if the data to sign is too long", async () => {
    const { path } = await agent(holding(key));
    const [identity] = await agentIdentities(path);
    expect(await codeOf(identity!.sign("ssh-ed25519", new Uint8Array(256 * 1024)))).toBe("agent-failed");
  });
});
