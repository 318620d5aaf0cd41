/**
 * A server to play with until Ctrl-C: `tsx scripts/openssh/try.ts [sshd_config line]…`, for example
 * `tsx scripts/openssh/try.ts "AuthenticationMethods publickey,password" "LogLevel DEBUG2"`.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureContainer } from "./container.ts";
import { must } from "./run.ts";
import { authorizeKey, password, startSshd } from "./sshd.ts";

const interrupted = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => resolve());
});

const container = await ensureContainer();
const folder = await mkdtemp(join(tmpdir(), "nacre-try-"));
try {
  const key = join(folder, "id_ed25519");
  await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "try", "-f", key]);
  await authorizeKey("alice", await readFile(`${key}.pub`, "utf8"));
  const sshd = await startSshd({ config: process.argv.slice(2) });
  console.log(`${container.description}

  host      ${sshd.host}
  port      ${sshd.port}
  user      alice (bob, too, whose password has expired)
  key       ${key}
  password  ${password()}

${sshd.hostPublicKeys.map((line) => `  ${line}`).join("\n")}

  npm start -- -p ${sshd.port} -i ${key} --accept-new alice@${sshd.host} 'uname -a'
  ssh -p ${sshd.port} -i ${key} alice@${sshd.host}

Ctrl-C ends it.`);
  // Nothing else keeps the process.
  const awake = setInterval(() => {}, 60_000);
  await interrupted;
  clearInterval(awake);
} finally {
  await rm(folder, { recursive: true, force: true });
  await container.stop();
}
