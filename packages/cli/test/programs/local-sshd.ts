import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@nacre/testing/free-port";
import { must } from "@nacre/testing/openssh/run";
import type { Server } from "./our-ssh.ts";

/**
 * Starts OpenSSH's sshd on this machine, for this user, with its files in a folder. Many programs that call `ssh` need their other half on
 * the server, and the tests read what it wrote.
 */
export async function startLocalSshd(folder: string, keyLine: string): Promise<Server & AsyncDisposable> {
  const hostKey = join(folder, "host_key");
  await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", hostKey]);
  const publicKey = await must(["ssh-keygen", "-y", "-f", hostKey]);
  const port = await freePort();
  // sshd demands its folder when it runs as root.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  writeFileSync(join(folder, "authorized_keys"), `${keyLine}\n`);
  const lines = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "StrictModes no",
    "PermitRootLogin yes",
    "UsePAM no",
    "PidFile none",
    "PrintMotd no",
    "PrintLastLog no",
    "PerSourcePenalties no",
    "MaxStartups 1000",
    "AcceptEnv LANG LC_* GIT_PROTOCOL",
    "Subsystem sftp internal-sftp",
  ];
  writeFileSync(join(folder, "sshd_config"), `${lines.join("\n")}\n`);
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(folder, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`sshd ended with status ${child.exitCode}: ${log}`);
    await sleep(50);
  }
  return {
    port,
    hostKey: publicKey.trimEnd(),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      if (child.exitCode === null) await once(child, "close");
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (didAnswer: boolean): void => {
      socket.destroy();
      resolve(didAnswer);
    };
    socket.once("data", () => end(true));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
