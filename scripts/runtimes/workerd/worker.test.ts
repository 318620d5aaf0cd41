import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { makeKey, useFolder } from "@nacre/testing/interop/keys";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WORKERD } from "./runtime.ts";
import { type RunningWorker, startWorker } from "./start.ts";
import type { Outcome, Task } from "./task.ts";

const { NACRE_WORKERD: workerd = "", NACRE_WORKERD_VERSION: version = "" } = process.env;
const data = randomData(4 * MIB);
const folder = useFolder();
const server = useServer();
/** Open TCP connections of the worker. */
const connections = new Set<Socket>();
let proxy: Server;
let running: RunningWorker;
let task: Task;

beforeAll(async () => {
  const { path, publicKeyLine } = await makeKey(folder, "id", "ed25519");
  await authorizeKey("alice", publicKeyLine);
  task = {
    port: await proxyPort(),
    key: await readFile(path, "utf8"),
    hostKey: fingerprintsOf(server.sshd)[0]!,
    cipher: "chacha20-poly1305@openssh.com",
    file: await putRemoteFile(data),
  };
  running = await startWorker(workerd, folder.path);
});
afterAll(async () => {
  await running?.stop();
  proxy.close();
  await removeRemoteFile(task.file);
});

/** Starts a TCP proxy to sshd that knows the worker's connections. */
async function proxyPort(): Promise<number> {
  proxy = createServer((near) => {
    const far = connect(server.sshd.port, server.sshd.host);
    connections.add(near);
    near.on("close", () => connections.delete(near));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const)
      from.on("error", () => to.destroy()).pipe(to);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return (proxy.address() as AddressInfo).port;
}

/** Resolves to what happened, after all connections of the worker have closed. */
async function ask(change: Partial<Task> = {}): Promise<Outcome> {
  const response = await fetch(running.url, { method: "POST", body: JSON.stringify({ ...task, ...change }) });
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  // The response is still open, so workerd itself has not closed the connections.
  await expect.poll(() => connections.size, { timeout: 10_000 }).toBe(0);
  await reader.cancel();
  return JSON.parse(new TextDecoder().decode(value)) as Outcome;
}

test("workerd has the pinned version", ({ task }) => {
  const printed = execFileSync(workerd, ["--version"]).toString();
  expect(printed).toContain(WORKERD.printedVersion!(version));
  task.meta.seen = { version };
});

test.for(["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"])(
  "a worker moves 4 MiB each way over cloudflare:sockets with %s and a rekey, and the connection closes",
  async (cipher) => {
    expect(await ask({ cipher })).toEqual({
      downloaded: sha256(data),
      uploaded: sha256(data),
      length: data.length,
      status: 3,
      kex: "mlkem768x25519-sha256",
      cipher,
    });
  },
);

test("a worker is refused with the same codes as elsewhere, and the connection closes", async () => {
  const hostKey = `SHA256:${"A".repeat(43)}`;
  expect(await ask({ hostKey })).toEqual({ error: "host-key-refused" });
  const { path } = await makeKey(folder, "stranger", "ed25519");
  expect(await ask({ key: await readFile(path, "utf8") })).toEqual({ error: "auth-failed" });
});
