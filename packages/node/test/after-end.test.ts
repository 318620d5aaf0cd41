import { connect as dial } from "node:net";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { expect, onTestFinished, test } from "vitest";
import { connect, listen } from "../src/index.ts";
import { counting, serve } from "./support.ts";

const hostKey = generateEd25519(counting);

test("rejects each call after a lost connection with `connection-lost`", async () => {
  const server = await listen({ port: 0, hostKeys: [hostKey], authenticate: () => true });
  onTestFinished(() => server.close());
  const relay = await serve((socket) => {
    const onward = dial(server.address.port, "127.0.0.1");
    socket.pipe(onward).pipe(socket);
    socket.on("close", () => onward.destroy());
    onward.on("error", () => socket.destroy());
  });
  const ssh = await connect({
    host: "127.0.0.1",
    port: relay.port,
    user: "alice",
    identities: [hostKey],
    agent: false,
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
  });
  await relay.close();
  const first = await ssh.ended;
  expect(first).toMatchObject({ code: "connection-lost", culprit: "peer" });

  const target = { host: "localhost", port: 80 };
  const calls: Record<string, () => Promise<unknown>> = {
    exec: () => ssh.exec("late"),
    sftp: () => ssh.sftp(),
    upload: () => ssh.upload("package.json", "late"),
    download: () => ssh.download("late", "late"),
    forwardLocal: () => ssh.forwardLocal({ port: 0 }, target),
    forwardRemote: () => ssh.forwardRemote({ port: 0 }, target),
    forwardDynamic: () => ssh.forwardDynamic({ port: 0 }),
    forwardRemoteDynamic: () => ssh.forwardRemoteDynamic({ port: 0 }),
    socket: () =>
      new Promise((_, reject) => {
        ssh.socket(target).on("error", reject).connect();
      }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error: unknown = await call().catch((cause: unknown) => cause);
    expect([name, error]).toEqual([name, expect.objectContaining({ code: "connection-lost", cause: first })]);
    expect(error).not.toBe(first);
  }
});
