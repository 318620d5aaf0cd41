import { chmod, lstat } from "node:fs/promises";
import type { LocalFiles, LocalPartial, LocalStats, LocalWriter } from "@nacre/files";
import { SshError } from "@nacre/wire";
import { type HeldClock, isHeld, whileHeld } from "./held-files.ts";

/** Permission bits that clear the read-only attribute of Windows. */
const WRITABLE = 0o666;

/**
 * Returns Node's files as they are on Windows. They have no permission bits: those that Node makes up would give every file of an upload
 * write access for everybody. A file that another program has open is tried again for a second.
 */
export function windowsFiles(files: LocalFiles, clock?: HeldClock): LocalFiles {
  const retried = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      // A file with the read-only attribute can neither be replaced nor removed.
      return await whileHeld(work, () => makeWritable(path), clock);
    } catch (cause) {
      if (!(cause instanceof SshError) || !isHeld(cause)) throw cause;
      const message = `${cause.message}; another program may have it open, or you may not write there`;
      throw new SshError(cause.code, message, { cause });
    }
  };
  return {
    ...files,
    nameRules: "windows",
    stat: async (path) => withoutMode(await files.stat(path)),
    lstat: async (path) => withoutMode(await files.lstat(path)),
    async *list(path) {
      for await (const entry of files.list(path)) yield withoutMode(entry);
    },
    // A mode without write permission would make the file read-only before its times are set.
    create: async (path) => withTimesOnly(await files.create(path, undefined)),
    ...(files.openPartial !== undefined && {
      openPartial: async (path: string): Promise<LocalPartial | undefined> => {
        const partial = await files.openPartial!(path);
        return partial && { ...partial, ...withTimesOnly(partial) };
      },
    }),
    rename: (from, to) => retried(to, () => files.rename(from, to)),
    remove: (path) => retried(path, () => files.remove(path)),
    ...(files.removeDirectory !== undefined && {
      removeDirectory: (path: string) => retried(path, () => files.removeDirectory!(path)),
    }),
    makeDirectory: (path) => files.makeDirectory(path, undefined),
    setAttributes: (path, { times }) => files.setAttributes(path, { times }),
    readlink: async (path) => (await files.readlink(path)).replaceAll("\\", "/"),
    async symlink(target, path) {
      try {
        await files.symlink(target.replaceAll("/", "\\"), path);
      } catch (cause) {
        if (!(cause instanceof SshError) || !isHeld(cause)) throw cause;
        const message = `${cause.message}; Windows lets you make links in Developer Mode, or as an administrator`;
        throw new SshError(cause.code, message, { cause });
      }
    },
  };
}

/** Clears the read-only attribute of a file, but not that of the file to which a link leads. */
async function makeWritable(path: string): Promise<void> {
  if ((await lstat(path)).isFile()) await chmod(path, WRITABLE);
}

function withoutMode<T extends LocalStats>(stats: T): T {
  return { ...stats, mode: undefined };
}

function withTimesOnly(file: LocalWriter): LocalWriter {
  return { ...file, setAttributes: ({ times }) => file.setAttributes({ times }) };
}
