import { once } from "node:events";
import { formatPrivateKey } from "@nacre/keyfiles";
import { generateEd25519 } from "@nacre/keys";
import { inSlices } from "nacre/extend";
import { expect, onTestFinished, test } from "vitest";
import { type ConnectOptions, connect, type ListenOptions, listen, privateKey, type SshServer } from "../src/index.ts";
import { counting, serve } from "./support.ts";

const key = generateEd25519(counting);

async function started(options: Partial<ListenOptions> = {}): Promise<SshServer> {
  const server = await listen({ port: 0, hostKeys: [key], authenticate: () => true, ...options });
  onTestFinished(() => server.close());
  return server;
}

const to = (port: number, options: Partial<ConnectOptions> = {}): ConnectOptions => ({
  host: "127.0.0.1",
  port,
  user: "alice",
  identities: [key],
  agent: false,
  hostKey: () => true,
  ...options,
});

const failureOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error("no failure"),
    (error: Error) => error,
  );

test("too many refused keys are `auth-failed`, with advice", async () => {
  const keys = Array.from({ length: 30 }, (_, i) => generateEd25519((length) => new Uint8Array(length).fill(i + 1)));
  const server = await started({ authenticate: () => false, perSource: false });
  const error = await failureOf(connect(to(server.address.port, { identities: keys })));
  expect(error).toMatchObject({ code: "auth-failed", cause: { code: "disconnected" } });
  expect(error.message).toMatch(/^alice: the server refused publickey .*pass only the right key in `identities`$/);
});

test("a refused subsystem is named", async () => {
  const server = await started();
  const ssh = await connect(to(server.address.port));
  onTestFinished(() => ssh.close());
  expect(await failureOf(ssh.subsystem("nope\u001b"))).toMatchObject({
    code: "channel-request-failed",
    message: 'the server refused the subsystem "nope\\x1b"; enable it there (Subsystem in sshd_config)',
  });
});

test("a key with the two characters backslash and n instead of line breaks is `usage`", async () => {
  const text = await inSlices(formatPrivateKey(key, { format: "openssh", random: (length) => new Uint8Array(length) }));
  const error = await failureOf(privateKey(text.replaceAll("\n", "\\n")));
  expect(error).toMatchObject({
    code: "usage",
    message: 'the key has the two characters "\\n" instead of line breaks; pass text.replaceAll("\\\\n", "\\n")',
  });
  await privateKey(text);
});

test("`connect` with a password in a text is `usage` and does not repeat it", async () => {
  const error = await failureOf(connect("alice:secret@example.org"));
  expect(error).toMatchObject({ code: "usage", message: expect.stringContaining("a password goes in") });
  expect(error.message).not.toContain("secret");
});

test("a signal's timeout is reported with the host, in each stage of connecting", async () => {
  const silent = await serve(() => {});
  const error = await failureOf(connect(to(silent.port, { signal: AbortSignal.timeout(50) })));
  expect(error).toMatchObject({ code: "aborted", message: `connecting to 127.0.0.1 port ${silent.port} timed out` });
  const over = AbortSignal.abort(new DOMException("slow", "TimeoutError"));
  expect(await failureOf(connect(to(silent.port, { signal: over })))).toMatchObject({ message: error.message });
  const aborted = await failureOf(connect(to(silent.port, { signal: AbortSignal.abort() })));
  expect(aborted.message).toBe(`connecting to 127.0.0.1 port ${silent.port} was aborted`);
});

test("a signal's timeout is reported by forwards and sockets", async () => {
  const server = await started();
  const ssh = await connect(to(server.address.port));
  onTestFinished(() => ssh.close());
  const signal = AbortSignal.abort(new DOMException("slow", "TimeoutError"));
  const forwarding = ssh.forwardLocal({ port: 0 }, { host: "example.org", port: 80 }, { signal });
  expect((await failureOf(forwarding)).message).toBe("`forwardLocal` timed out");
  const socket = ssh.socket({ host: "example.org", port: 80 }, { signal });
  const [error] = (await once(socket, "error")) as [Error];
  expect(error.message).toBe("the socket to example.org:80 timed out");
});

test("the stacks of `connect`, `dial` and aborted calls have the caller's frame", async () => {
  const server = await started({ session: () => new Promise(() => {}) });
  const ssh = await connect(to(server.address.port));
  onTestFinished(() => ssh.close());
  const closed = await serve(() => {});
  await closed.close();
  const silent = await serve(() => {});
  const calls: Record<string, () => Promise<unknown>> = {
    refused: () => connect(to(closed.port)),
    timeout: () => connect(to(silent.port, { signal: AbortSignal.timeout(50) })),
    login: () => connect(to(server.address.port, { hostKey: () => false })),
    dial: () => ssh.dial({ host: "localhost", port: 1 }),
    exec: () => ssh.exec("x", { signal: AbortSignal.timeout(50) }),
    subsystem: () => ssh.subsystem("x"),
    sftp: () => ssh.sftp(),
  };
  for (const [name, call] of Object.entries(calls)) {
    const theCaller = async (): Promise<void> => void (await call());
    const { stack } = await failureOf(theCaller());
    expect([name, stack]).toEqual([name, expect.stringContaining("theCaller")]);
    expect(stack?.match(/theCaller/g)).toHaveLength(1);
  }
});
