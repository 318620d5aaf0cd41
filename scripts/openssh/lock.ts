import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Does something while no other process does something under the same lock file. The kernel keeps the lock, for a
 * `flock` whose life hangs on a pipe from this process: so none is ever left behind.
 *
 * @throws if the lock stays taken for 15 minutes.
 */
export async function withLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  const holder = spawn("flock", ["-w", "900", file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const ended = once(holder, "exit");
  // The race below settles it first when it fails; nobody waits for it otherwise.
  ended.catch(() => {});
  const held = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
  if (!held) throw new Error(`another run has held ${file} for 15 minutes: end it, or delete the file`);
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
