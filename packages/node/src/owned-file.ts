import type { Stats } from "node:fs";
import { constants, type FileHandle, open, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { escapeText, SshError } from "@nacre/wire";

/** Whose a file or folder is, and who may do what with it: what of `Stats` counts. */
type Ownership = Pick<Stats, "uid" | "mode">;

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * The bytes of a file that is nobody's to write or to replace but its owner's and the administrator's, as sshd asks it of
 * authorized_keys (sshd_config(5), StrictModes); `undefined` when there is none. Rejects with `file-unreadable`.
 */
export async function readOwned(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle | undefined;
  try {
    // A pipe without a writer would not let go of the thread that opens it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) throw new SshError("file-unreadable", "it is no file");
    // Windows has other ways to say who may write.
    const self = process.getuid?.();
    if (self !== undefined) {
      const problem = await exposure(await realpath(path), stats, { self, home: homedir(), look: stat });
      if (problem !== undefined) throw new SshError("file-unreadable", problem);
    }
    return new Uint8Array(await file.readFile());
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
 * How others than its owner and the administrator could write a file, or put another one in its place; `undefined` when they cannot.
 * `path` has no symbolic links. Folders above `home` are the administrator's affair.
 */
export async function exposure(
  path: string,
  file: Ownership,
  system: {
    /** Who runs the server: files are its own, unless that is the administrator. */
    readonly self: number;
    readonly home: string;
    readonly look: (path: string) => Promise<Ownership>;
  },
): Promise<string | undefined> {
  const owner = system.self === 0 ? file.uid : system.self;
  const isForeign = ({ uid }: Ownership): boolean => uid !== 0 && uid !== owner;
  if (isForeign(file)) return "it belongs to somebody else";
  if ((file.mode & OTHERS_WRITE) !== 0) return "others than its owner may write it (chmod go-w)";
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const at = await system.look(folder);
    if (isForeign(at)) return `the folder ${escapeText(folder)} belongs to somebody else`;
    // In a sticky folder, as /tmp, others cannot replace what is not theirs.
    if ((at.mode & OTHERS_WRITE) !== 0 && (at.mode & STICKY) === 0)
      return `others than its owner may write the folder ${escapeText(folder)} (chmod go-w)`;
    if (folder === system.home || folder === dirname(folder)) return undefined;
  }
}
