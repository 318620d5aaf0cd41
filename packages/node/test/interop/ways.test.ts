import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { formatPrivateKey } from "@nacre/keyfiles";
import { freePort } from "@nacre/testing/free-port";
import { digestOf, MIB, randomData, sha256, writeAll } from "@nacre/testing/interop/data";
import { useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { seededRandom } from "@nacre/testing/random";
import { inSlices } from "nacre/extend";
import { afterAll, expect, test } from "vitest";
import type { Client } from "../../src/index.ts";

const server = useServer();
const folder = useFolder();

const programs: ChildProcess[] = [];
afterAll(async () => {
  for (const program of programs) {
    program.kill();
    if (program.exitCode === null && program.signalCode === null) await once(program, "exit");
  }
});

/** Returns the words of OpenSSH's ssh for the server, with alice's key. */
async function sshWords(): Promise<readonly string[]> {
  const path = join(folder.path, "key");
  await writeFile(path, await inSlices(formatPrivateKey(server.key, { format: "openssh", random: seededRandom(7) })), {
    mode: 0o600,
  });
  const options = ["-F", "/dev/null", "-i", path, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-q"];
  const unknown = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  return [...options, ...unknown, "-p", `${server.sshd.port}`, "alice@127.0.0.1"];
}

/** Sends data through `cat` and back. */
async function echoes(client: Client): Promise<void> {
  const data = randomData(8 * MIB);
  const process = await client.spawn("cat");
  const [, digest] = await Promise.all([writeAll(process.stdin, data), digestOf(process.stdout)]);
  expect(digest).toEqual({ sha256: sha256(data), length: data.length });
}

test.each(["socks5", "http"])("`proxy` %s: the proxy of `forwardDynamic` over sshd", async (protocol) => {
  await using bastion = await server.connect();
  const { port } = await bastion.forwardDynamic({ host: "127.0.0.1", port: 0 });
  const proxy = `${protocol}://127.0.0.1:${port}`;
  await using client = await server.connect({ proxy });
  await echoes(client);
  const error = await failure(server.connect({ proxy, port: 1 }));
  expect([error.code, error.message]).toEqual([
    "connection-failed",
    expect.stringMatching(/through the proxy 127\.0\.0\.1 port \d+: (connection refused|502 Bad Gateway)/),
  ]);
});

test("`proxy` socks5: ssh -D", async () => {
  const port = await freePort();
  programs.push(spawn("ssh", ["-N", "-D", `127.0.0.1:${port}`, ...(await sshWords())], { stdio: "inherit" }));
  await expect
    .poll(
      () =>
        new Promise((resolve) => {
          const socket = connectSocket(port, "127.0.0.1", () => resolve("listens"));
          socket.on("error", () => resolve("refuses")).on("connect", () => socket.destroy());
        }),
      { timeout: 10_000 },
    )
    .toBe("listens");
  await using client = await server.connect({ proxy: `socks5://127.0.0.1:${port}` });
  await echoes(client);
});

test("`proxyCommand`: ssh -W, whose status is in the error", async () => {
  const words = (await sshWords()).join(" ");
  await using client = await server.connect({ proxyCommand: `ssh -W 127.0.0.1:${server.sshd.port} ${words}` });
  await echoes(client);
  const error = await failure(server.connect({ proxyCommand: `ssh -W 127.0.0.1:1 ${words}` }));
  expect([error.code, error.message]).toEqual([
    "connection-lost",
    expect.stringMatching(/^ProxyCommand ended with status 255 before the login: /),
  ]);
});

test("a name with several addresses: the one that sshd listens on", async () => {
  // sshd listens on 127.0.0.1 only.
  await using client = await server.connect({ host: "localhost" });
  await echoes(client);
  const error = await failure(server.connect({ host: "::1" }));
  expect(error.code).toBe("connection-failed");
});
