import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import ssh2 from "ssh2";
import { expect, it, onTestFinished } from "vitest";
import type { Channel } from "../../src/channel/channel.ts";
import type { IncomingClient } from "../../src/server/connection.ts";
import type { Session } from "../../src/server/session.ts";
import type { SftpServerChannel } from "../../src/sftp-server/channel.ts";
import { serving } from "./serving.ts";

/** Bytes between two cuts. A session has some 2,000 of the client. */
const STEP = 13;

/** Listens, and passes bytes on until `cut` bytes came from the client. Then it resets or ends both sides. */
async function cutting(port: number, cut: number, resets: boolean): Promise<{ port: number; passed(): number }> {
  let passed = 0;
  const stop = (socket: Socket): unknown => (resets ? socket.resetAndDestroy() : socket.end());
  const proxy = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) socket.setNoDelay(true).on("error", () => {});
    near.on("data", (chunk: Buffer) => {
      const rest = Math.max(0, cut - passed);
      far.write(chunk.subarray(0, rest));
      passed += Math.min(rest, chunk.length);
      if (passed < cut) return;
      stop(near);
      stop(far);
    });
    far.on("data", (chunk: Buffer) => near.write(chunk));
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  return { port: (proxy.address() as AddressInfo).port, passed: () => passed };
}

/** Logs in, runs a command and SFTP, and ends. Resolves when the client has closed. */
async function session(port: number): Promise<void> {
  const client = new ssh2.Client();
  const emitter: NodeJS.EventEmitter = client;
  const closed = new Promise((resolve) => emitter.once("close", resolve));
  emitter.on("error", () => {});
  client.on("connect", () => client.setNoDelay(true));
  client.on("ready", () => {
    client.exec("ls", { pty: true, env: { A: "b" } }, (error, channel) => {
      if (error !== undefined) return;
      channel.on("error", () => {}).resume();
      client.sftp((failed, sftp) => {
        if (failed !== undefined) return;
        sftp.stat("/a", () => client.end());
      });
    });
  });
  client.connect({ host: "127.0.0.1", port, username: "alice", password: "any", readyTimeout: 5000 });
  await closed;
}

it.each([true, false])("a client that vanishes at any byte leaves nothing open (reset: %s)", async (resets) => {
  const events: string[][] = [];
  const one = await serving(undefined, undefined, (connection: IncomingClient) => {
    const own: string[] = [];
    events.push(own);
    for (const name of ["error", "end", "close"]) connection.on(name, () => own.push(name));
    connection.on("session", (accept: () => Session) => {
      const opened = accept();
      opened.on("pty", (acceptPty: () => void) => acceptPty());
      opened.on("exec", (acceptExec: () => Channel) =>
        acceptExec()
          .on("error", () => {})
          .write("output"),
      );
      opened.on("sftp", (acceptSftp: () => SftpServerChannel) => {
        const sftp = acceptSftp();
        sftp.on("STAT", (id: number) => sftp.status(id, 2));
      });
    });
  });
  for (let cut = 1; ; cut += STEP) {
    const proxy = await cutting(one.port, cut, resets);
    await session(proxy.port);
    if (proxy.passed() < cut) break;
  }
  const count = (): Promise<number> => new Promise((resolve) => void one.server.getConnections((_, n) => resolve(n)));
  await expect.poll(count).toBe(0);
  await expect.poll(() => events.every((own) => own.at(-1) === "close")).toBe(true);
  expect(events.length).toBeGreaterThan(100);
  for (const own of events) expect(["close", "end close", "error close", "error end close"]).toContain(own.join(" "));
  expect(one.connections.map(({ _chanMgr }) => _chanMgr._count).filter((open) => open > 0)).toEqual([]);
});
