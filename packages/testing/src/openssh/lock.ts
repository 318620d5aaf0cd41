import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs `action` while holding an exclusive lock on a file. A child process `flock` holds the lock and ends when its pipe from this process
 * closes, so the kernel releases the lock even if this process is killed.
 *
 * @throws if another process holds the lock for 15 minutes.
 */
export async function withLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  const holder = spawn("flock", ["-w", "900", file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const ended = once(holder, "exit");
  // The race below also rejects if `flock` cannot be started. This handler prevents an unhandled rejection.
  ended.catch(() => {});
  const held = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
  if (!held) throw new Error(`another run has held the lock ${file} for 15 minutes; end that run, or delete the file`);
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
