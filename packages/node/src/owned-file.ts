import type { Stats } from "node:fs";
import { constants, type FileHandle, open, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { escapeText, SshError } from "@nacre/wire";
import { accountHome } from "./account.ts";

/** The part of `Stats` that says who may write a file or folder. */
type Ownership = Pick<Stats, "uid" | "mode">;

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Who may write a file besides root, and how large it may be. */
export interface OwnedFileOptions {
  /** User id of the only account, besides root, that may own the file and its folders. Default: the account that runs this process. */
  readonly owner?: number | undefined;
  /** Folders above this one are not checked. Default: the home folder of the account that runs this process. */
  readonly home?: string | undefined;
  /** Bytes that the file may have. Default 4 MiB. */
  readonly maxBytes?: number | undefined;
}

/** A file's bytes, and a text that changes when the file does. */
export interface OwnedFile {
  readonly bytes: Uint8Array;
  readonly version: string;
}

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads a file that nobody but its owner and root can write or replace, as sshd requires of authorized_keys (sshd_config(5),
 * StrictModes). Resolves with `undefined` when there is no such file. Rejects with `file-unreadable` for any other file: one that belongs
 * to another account, that others may write, that is not a regular file, or that is too large.
 */
export async function readOwned(path: string, options: OwnedFileOptions = {}): Promise<OwnedFile | undefined> {
  const { owner = process.getuid?.(), home = accountHome(), maxBytes = MAX_BYTES } = options;
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe that has no writer blocks a thread.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    // rule: owned-file-regular
    if (!stats.isFile()) throw new SshError("file-unreadable", "it is not a regular file");
    // Windows says by access control lists who may write.
    if (owner !== undefined && process.getuid !== undefined) {
      const problem = await exposure(await realpath(path), stats, { owner, home, look: stat });
      if (problem !== undefined) throw new SshError("file-unreadable", problem);
    }
    // rule: owned-file-size
    if (stats.size > maxBytes)
      throw new SshError("file-unreadable", `it has ${stats.size} bytes, where ${maxBytes} are allowed`);
    const bytes = await file.readFile();
    return { bytes, version: [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" ") };
  } catch (cause) {
    if (cause instanceof SshError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new SshError("file-unreadable", `it cannot be read: ${escapeText(message)}`, { cause });
  } finally {
    await file?.close();
  }
}

/**
 * Says how somebody other than the owner and root could write a file, or put another one in its place; `undefined` when nobody can.
 * `path` has no symbolic links. Folders above `home` are root's responsibility.
 */
export async function exposure(
  path: string,
  file: Ownership,
  system: {
    /** User id that may own the file and its folders, besides root. */
    readonly owner: number;
    readonly home: string | undefined;
    readonly look: (path: string) => Promise<Ownership>;
  },
): Promise<string | undefined> {
  const isForeign = ({ uid }: Ownership): boolean => uid !== 0 && /* rule: owned-file-owner */ uid !== system.owner;
  if (isForeign(file)) return "it belongs to somebody else";
  // rule: owned-file-mode
  if ((file.mode & OTHERS_WRITE) !== 0) return "others than its owner may write it (chmod go-w)";
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const at = await system.look(folder);
    if (isForeign(at)) return `the folder ${escapeText(folder)} belongs to somebody else`;
    // In a sticky folder such as /tmp, others cannot replace a file that they do not own.
    if (/* rule: owned-folder-mode */ (at.mode & OTHERS_WRITE) !== 0 && (at.mode & STICKY) === 0)
      return `others than its owner may write the folder ${escapeText(folder)} (chmod go-w)`;
    if (folder === system.home || folder === dirname(folder)) return undefined;
  }
}
