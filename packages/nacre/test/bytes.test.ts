import { parsePublicKey } from "@nacre/keys";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { hostKey, userKey } from "@nacre/testing/protocol/pair";
import { type ByteStreams, connect, serve } from "nacre";
import { expect, test } from "vitest";

/** Returns a copy in shared memory. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** Wraps streams so that received chunks are in shared memory. */
function sharing({ readable, writable }: ByteStreams): ByteStreams {
  const share = new TransformStream<Uint8Array, Uint8Array>({ transform: (chunk, to) => to.enqueue(shared(chunk)) });
  return { readable: readable.pipeThrough(share), writable };
}

test("bytes passed to the application are never in shared memory, even if they arrive in it", async () => {
  const seen: Record<string, Uint8Array> = {};
  const { near, far } = wire();
  serve(sharing(far), {
    ...open,
    authenticate: (login) => {
      if (login.method === "publickey") seen.login = login.publicKey;
      return true;
    },
    session: async (session) => {
      for await (const chunk of session.stdin) seen.stdin = chunk;
      const [factor] = session.factors;
      if (factor?.method === "publickey") seen.factor = factor.publicKey;
      const writer = session.stderr.getWriter();
      await writer.write(shared(Uint8Array.of(7)));
      await session.stdout.getWriter().write("out");
    },
  });
  const remote = {
    publicKey: parsePublicKey(shared(userKey.publicKey.blob)),
    sign: async (algorithm: string, data: Uint8Array) => {
      seen.signed = data;
      return shared(userKey.sign(algorithm, data, (length) => new Uint8Array(length)));
    },
  };
  const ssh = await connect(sharing(near), {
    ...visitor,
    identities: [remote],
    hostKey: ({ blob }) => {
      seen.hostKey = blob;
      return true;
    },
  });
  const result = await ssh.exec("x", { encoding: "bytes", input: shared(Uint8Array.of(1, 2)) });
  seen.stdout = result.stdout;
  seen.stderr = result.stderr;
  const process = await ssh.spawn("x");
  await process.stdin.close();
  for await (const chunk of process.stdout) seen.chunk = chunk;
  await ssh.close();

  seen.blob = remote.publicKey.blob;
  seen.signature = hostKey.sign("ssh-ed25519", shared(Uint8Array.of(1)), (length) => shared(new Uint8Array(length)));
  expect(Object.keys(seen)).toHaveLength(10);
  for (const [name, bytes] of Object.entries(seen))
    expect([name, bytes.buffer]).toEqual([name, expect.any(ArrayBuffer)]);
  expect(result.stderr).toEqual(Uint8Array.of(7));
  expect(seen.stdin).toEqual(Uint8Array.of(1, 2));
});
