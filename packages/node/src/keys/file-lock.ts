import { randomUUID } from "node:crypto";
import { link, open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SshError } from "@nacre/wire";
import { isHeld } from "../windows/held-files.ts";
import { isWindows, showPath } from "../windows/system.ts";

/** Milliseconds. A lock is held for one read and one write, so an older lock belongs to a process that died. */
const STALE_AFTER = 10_000;
const GIVE_UP_AFTER = 30_000;
const RETRY_AFTER = 10;
const SAY_AFTER = 1000;

/** Last holder of each file in this process, by the file's real path. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while no other call holds `path`, in this or another process. A `.lock` file next to it excludes other processes; it counts
 * as abandoned after ten seconds. If the folder is read-only or the disk full, only calls of this process are excluded. `warn` gets one
 * line if this takes longer than a second. Settles like `work`. Rejects with `file-unreadable` if the lock is not free within 30 seconds.
 */
export async function withFileLock<T>(path: string, warn: (text: string) => void, work: () => Promise<T>): Promise<T> {
  const file = await realName(path);
  const previous = queues.get(file);
  const mine = (async () => {
    // rule: lock-queue
    await previous?.catch(() => {});
    // rule: file-lock
    const release = await acquire(`${file}.lock`, warn);
    try {
      return await work();
    } finally {
      await release();
    }
  })();
  queues.set(file, mine);
  try {
    return await mine;
  } finally {
    if (queues.get(file) === mine) queues.delete(file);
  }
}

/** Resolves symbolic links in the path; the file itself may be missing. */
async function realName(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const folder = dirname(path);
    return join(await realpath(folder).catch(() => folder), basename(path));
  }
}

/** Creates the lock file and resolves with a function that removes it. */
async function acquire(lock: string, warn: (text: string) => void): Promise<() => Promise<void>> {
  const id = randomUUID();
  const began = Date.now();
  const deadline = began + GIVE_UP_AFTER;
  let said = false;
  let wasHeld = false;
  for (;;) {
    try {
      const made = await open(lock, "wx", 0o600);
      try {
        await made.writeFile(id);
      } catch {
        // The disk is full. A lock left behind would make the next process wait until it is stale.
        await unlink(lock).catch(() => {});
        return async () => {};
      } finally {
        await made.close();
      }
      return () => release(lock, id);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") wasHeld = true;
      // On Windows a lock that is being removed cannot be made again for a moment, with the same error as in a read-only folder.
      const isGoing = isWindows() && isHeld(error) && (wasHeld || Date.now() < began + SAY_AFTER);
      // The folder is read-only: only the queue of this process protects the file.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" && !isGoing) return async () => {};
    }
    if (!said && Date.now() > began + SAY_AFTER) {
      said = true;
      warn(`another process holds ${showPath(lock)}; waiting until it is ${STALE_AFTER / 1000} seconds old`);
    }
    await removeStale(lock, id);
    if (Date.now() > deadline)
      throw new SshError("file-unreadable", `another process holds ${showPath(lock)}; remove it if no program uses it`);
    await sleep(RETRY_AFTER * (1 + Math.random()));
  }
}

/** Removes the lock file, unless another process took it over as abandoned. */
async function release(lock: string, id: string): Promise<void> {
  try {
    if ((await readFile(lock, "utf8")) === id) await unlink(lock);
  } catch {
    // The file was already removed.
  }
}

/** Removes an abandoned lock file. If several processes find it, only one succeeds, because `rename` moves a file once. */
async function removeStale(lock: string, id: string): Promise<void> {
  try {
    const found = await stat(lock);
    if (Date.now() - found.mtimeMs < STALE_AFTER) return;
    const aside = `${lock}.${id}`;
    await rename(lock, aside);
    // Another process may have replaced the abandoned lock before the rename: put its lock back.
    const taken = await stat(aside);
    if (taken.ino !== found.ino || taken.mtimeMs !== found.mtimeMs) await link(aside, lock);
    await unlink(aside);
  } catch {
    // Another process was faster.
  }
}
