// What `npm start` shows without a target: a real OpenSSH server in a container, a login, a command, and the trace of it all.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureContainer } from "./openssh/container.ts";
import { authorizeKey, startSshd } from "./openssh/sshd.ts";

const folder = mkdtempSync(join(tmpdir(), "nacre-demo-"));
const nacre = ["packages/cli/dist/main.js"];

console.log("Bringing up an OpenSSH server (the first time takes a minute)…");
const container = await ensureContainer();
try {
  const sshd = await startSshd();
  const key = join(folder, "id_ed25519");
  execFileSync(process.execPath, [...nacre, "keygen", "-t", "ed25519", "-f", key, "-N", "", "-C", "nacre demo"], {
    stdio: "ignore",
  });
  await authorizeKey("alice", readFileSync(`${key}.pub`, "utf8").trim());
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, sshd.hostPublicKeys.map((line) => `[${sshd.host}]:${sshd.port} ${line}\n`).join(""));

  const args = [
    "--trace",
    "-i",
    key,
    "-p",
    `${sshd.port}`,
    "--known-hosts",
    knownHosts,
    `alice@${sshd.host}`,
    "uname -a",
  ];
  console.log(`\n$ nacre ${args.join(" ")}\n`);
  const child = spawn(process.execPath, [...nacre, ...args], { stdio: ["ignore", "inherit", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  console.log(`\nexit status ${status}. Now with a server of yours: npm start -- [-p PORT] user@host command`);
  process.exitCode = status ?? 1;
} finally {
  await container.stop();
  rmSync(folder, { recursive: true, force: true });
}
