import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { KeyFile } from "@nacre/testing/interop/keys";
import type { PeerServer } from "./settings.ts";

/**
 * Starts a tinysshd for each connection, like tcpserver, with the socket as its standard input and output. Its keys have their own format.
 * It reads users only from the password database, so libnss_wrapper provides one that contains alice.
 */
export async function startTinysshd(userKey: KeyFile): Promise<PeerServer & { readonly hostKey: KeyFile }> {
  // tinysshd refuses keys below a world-writable folder such as /tmp.
  const cache = join(homedir(), ".cache", "nacre");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "tinysshd-"));
  const [keys, passwd] = [join(folder, "keys"), join(folder, "passwd")];
  await mkdir(join(folder, ".ssh"), { mode: 0o700 });
  await writeFile(join(folder, ".ssh", "authorized_keys"), `${userKey.publicKeyLine}\n`, { mode: 0o600 });
  await writeFile(passwd, `alice:x:${process.getuid!()}:${process.getgid!()}::${folder}:/bin/sh\n`);
  await promisify(execFile)("tinysshd-makekey", ["-q", keys]);
  const { stdout } = await promisify(execFile)("tinysshd-printkey", [keys]);
  const env = {
    ...process.env,
    LD_PRELOAD: "libnss_wrapper.so",
    NSS_WRAPPER_PASSWD: passwd,
    NSS_WRAPPER_GROUP: "/etc/group",
  };
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    const child = spawn("/usr/sbin/tinysshd", ["-q", keys], { stdio: [socket, socket, "ignore"], env });
    child.on("close", () => {
      sockets.delete(socket);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: { path: join(keys, "ed25519.pk"), publicKeyLine: stdout.trim() },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await rm(folder, { recursive: true });
    },
  };
}
