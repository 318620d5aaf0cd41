/**
 * Starts a server to try things with, until Ctrl-C: `tsx packages/testing/src/openssh/try.ts [sshd_config line]…`, for example
 * `tsx packages/testing/src/openssh/try.ts "AuthenticationMethods publickey,password" "LogLevel DEBUG2"`.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureContainer } from "./container.ts";
import { cacheFolder } from "./container-engine.ts";
import { must } from "./run.ts";
import { authorizeKey, password, startSshd } from "./sshd.ts";

const container = await ensureContainer();
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => resolve());
});
// Keeps the process alive: it has no other open handle.
const awake = setInterval(() => {}, 60_000);
try {
  // Reuses the key of earlier runs, so that a command from the shell's history still works.
  const key = join(cacheFolder(), "try_ed25519");
  if (!existsSync(key)) await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "try", "-f", key]);
  await authorizeKey("alice", await readFile(`${key}.pub`, "utf8"));
  const sshd = await startSshd({ config: process.argv.slice(2) });
  console.log(`${container.description}

  host      ${sshd.host}
  port      ${sshd.port}
  user      alice (or bob, with an expired password)
  key       ${key}
  password  ${password()}

${sshd.hostPublicKeys.map((line) => `  ${line}`).join("\n")}

  npm start -- -p ${sshd.port} -i ${key} --accept-new alice@${sshd.host} 'uname -a'
  ssh -p ${sshd.port} -i ${key} alice@${sshd.host}

Press Ctrl-C to stop the server.`);
  await interrupted;
} finally {
  clearInterval(awake);
  await container.stop();
}
