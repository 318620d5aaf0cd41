import { isNamed } from "./failures.ts";

/** Directory in the origin-private file system with a directory for each unfinished file. */
const DIRECTORY = "nacre-downloads";

/** A file in the origin-private file system that the browser copies to the user's downloads. */
export interface PrivateFile {
  readonly handle: FileSystemFileHandle;
  /** Removes the file. */
  remove(): Promise<void>;
}

/** Returns whether a page of this browser can write files of its origin. */
export function hasPrivateFiles(): boolean {
  return (
    typeof globalThis.navigator?.storage?.getDirectory === "function" &&
    typeof globalThis.navigator.locks?.request === "function" &&
    typeof globalThis.FileSystemFileHandle?.prototype.createWritable === "function"
  );
}

/**
 * Makes an empty file. It stays until the page is closed: no event says when the browser has copied it. The next call of any page of this
 * origin then removes it. A lock shows that its page is open.
 */
export async function makePrivateFile(): Promise<PrivateFile> {
  const root = await navigator.storage.getDirectory();
  const directory = await root.getDirectoryHandle(DIRECTORY, { create: true });
  await removeAbandoned(directory);
  const id = crypto.randomUUID();
  const release = await holdLock(id);
  try {
    const own = await directory.getDirectoryHandle(id, { create: true });
    return {
      handle: await own.getFileHandle("contents", { create: true }),
      async remove() {
        await removeIn(directory, id);
        release();
      },
    };
  } catch (error) {
    await removeIn(directory, id);
    release();
    throw error;
  }
}

async function removeAbandoned(directory: FileSystemDirectoryHandle): Promise<void> {
  for await (const id of directory.keys())
    await navigator.locks.request(lockName(id), { ifAvailable: true }, async (lock) => {
      if (lock !== null) await removeIn(directory, id);
    });
}

/** Removes the directory of a file. One that another page removes, or that the browser still reads, is left to the next call. */
async function removeIn(directory: FileSystemDirectoryHandle, id: string): Promise<void> {
  await directory.removeEntry(id, { recursive: true }).catch((error: unknown) => {
    if (!isNamed(error, "NotFoundError") && !isNamed(error, "NoModificationAllowedError")) throw error;
  });
}

/** Resolves with a function that releases the lock of a file. The browser releases it when the page is closed. */
function holdLock(id: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks.request(lockName(id), () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}

function lockName(id: string): string {
  return `${DIRECTORY}/${id}`;
}
