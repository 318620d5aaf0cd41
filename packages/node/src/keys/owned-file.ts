import type { Stats } from "node:fs";
import { constants, type FileHandle, lstat, open, readlink, realpath, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { escapeText, SshError } from "@nacre/wire";
import { isWindows, showPath } from "../windows/system.ts";
import { accountHome } from "./account.ts";
import { expandHome, inFile } from "./files.ts";

/** The fields of `Stats` that determine who may write a file or folder. */
type Ownership = Pick<Stats, "uid" | "mode">;

const OTHERS_WRITE = 0o022;
const OTHERS = 0o007;
const OTHERS_AND_GROUP = 0o077;
const STICKY = 0o1000;

/** Requirements for the owner and size of a file. */
export interface OwnedFileOptions {
  /** User id that may own the file and its folders, in addition to root. Default: the account that runs this process. */
  readonly owner?: number | undefined;
  /** Folders above this one are not checked. Default: the home folder of the account that runs this process. */
  readonly home?: string | undefined;
  /** Maximum size of the file in bytes; default 4 MiB. */
  readonly maxBytes?: number | undefined;
  /** The file as it was read before. It is returned, without checking or reading it again, if it has not changed. */
  readonly known?: OwnedFile | undefined;
}

/** Content of a file, and a string that changes with the file. */
export interface OwnedFile extends Ownership {
  readonly bytes: Uint8Array;
  readonly version: string;
}

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads a file that only its owner and root can write or replace, as sshd requires for authorized_keys (sshd_config(5), StrictModes).
 * Resolves with `undefined` if the file does not exist. Rejects with `file-unreadable` if another account owns the file, other accounts can
 * write or replace it, it is not a regular file, or it is too large.
 */
export async function readOwned(path: string, options: OwnedFileOptions = {}): Promise<OwnedFile | undefined> {
  const { owner = process.getuid?.(), home = accountHome(), maxBytes = MAX_BYTES, known } = options;
  let file: FileHandle | undefined;
  try {
    // The checks below accepted this content. A folder that others can write by now has not changed it.
    if (known !== undefined && versionOf(await stat(path)) === known.version) return known;
    // Without O_NONBLOCK, opening a pipe that has no writer blocks a thread.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    // rule: owned-file-regular
    if (!stats.isFile()) throw new SshError("file-unreadable", "not a regular file");
    // Windows uses access control lists instead of modes, and these are not checked.
    if (owner !== undefined && process.getuid !== undefined) {
      const problem = await exposure(await realpath(path), stats, { owner, home: await realHome(home), look: stat });
      if (problem !== undefined) throw new SshError("file-unreadable", problem);
    }
    // rule: owned-file-size
    if (stats.size > maxBytes)
      throw new SshError("file-unreadable", `the file has ${stats.size} bytes, but the maximum is ${maxBytes}`);
    return { bytes: await file.readFile(), version: versionOf(stats), uid: stats.uid, mode: stats.mode };
  } catch (cause) {
    if (cause instanceof SshError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new SshError("file-unreadable", `cannot read the file: ${showPath(message)}`, { cause });
  } finally {
    await file?.close();
  }
}

function versionOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(" ");
}

/**
 * Reads a file with a secret, such as a token, that only this account and root can read, write or replace. A file of root may also be
 * readable by its group. A leading `~/` is the account's home folder. Rejects with `file-unreadable` if the file is missing or exposed, as
 * `readOwned` does.
 */
export async function readSecretFile(path: string): Promise<Uint8Array> {
  try {
    const found = await readOwned(expandHome(path));
    if (found === undefined) throw new SshError("file-unreadable", "the file does not exist");
    // rule: secret-file-mode
    if (process.getuid !== undefined && (found.mode & (found.uid === 0 ? OTHERS : OTHERS_AND_GROUP)) !== 0)
      throw new SshError("file-unreadable", "other users can read the file; run `chmod 600` on it");
    return found.bytes;
  } catch (cause) {
    throw inFile(path, cause);
  }
}

/**
 * Creates a file that only this account can read, besides root, and writes a secret into it. On Windows, where files have no mode, icacls
 * sets the access list; resolves with the reason if that failed. Rejects with the system's error, also if the file exists.
 */
export async function createSecretFile(path: string, secret: string | Uint8Array): Promise<string | undefined> {
  const options = { mode: 0o600, flag: "wx" };
  if (!isWindows()) {
    await writeFile(path, secret, options);
    return undefined;
  }
  // Others could read the secret until the access list is set.
  await writeFile(path, "", options);
  // Imported here because no other system needs it.
  const { restrictAccess } = await import("../windows/access.ts");
  // rule: windows-secret-file
  const problem = await restrictAccess(path);
  await writeFile(path, secret);
  return problem;
}

/** Returns the path of a home folder without symbolic links, as sshd compares it. The password database may have a link to it. */
async function realHome(home: string | undefined): Promise<string | undefined> {
  return home && realpath(home).catch(() => undefined);
}

/**
 * Describes how a user other than the owner and root could write or replace a file. Returns `undefined` if that is impossible. `path` and
 * `home` must have no symbolic links. Folders above `home` are not checked.
 */
export async function exposure(
  path: string,
  file: Ownership,
  system: {
    /** User id that may own the file and its folders, in addition to root. */
    readonly owner: number;
    readonly home: string | undefined;
    readonly look: (path: string) => Promise<Ownership>;
  },
): Promise<string | undefined> {
  const isForeign = ({ uid }: Ownership): boolean => uid !== 0 && /* rule: owned-file-owner */ uid !== system.owner;
  if (isForeign(file)) return "another user owns the file";
  // rule: owned-file-mode
  if ((file.mode & OTHERS_WRITE) !== 0) return "other users can write the file; run `chmod go-w` on it";
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const at = await system.look(folder);
    if (isForeign(at)) return `another user owns the folder ${escapeText(folder)}`;
    // In a sticky folder such as /tmp, others cannot replace a file that they do not own.
    if (/* rule: owned-folder-mode */ (at.mode & OTHERS_WRITE) !== 0 && (at.mode & STICKY) === 0)
      return `other users can write the folder ${escapeText(folder)}; run \`chmod go-w\` on it`;
    if (folder === system.home || folder === dirname(folder)) return undefined;
  }
}

/**
 * Describes how a user other than the account that runs this process and root could write or replace a file or socket, or a symbolic link
 * that leads to it. Returns `undefined` if that is impossible, and on Windows. Folders above `home`, by default the account's, are not
 * checked. Rejects with the system's error if nothing is at the path.
 */
export async function pathExposure(
  path: string,
  home: string | undefined = accountHome(),
): Promise<string | undefined> {
  const owner = process.getuid?.();
  if (owner === undefined) return undefined;
  const system = { owner, home: await realHome(home), look: stat };
  for (const link of await linksTo(path)) {
    const problem = await exposure(link, { uid: (await lstat(link)).uid, mode: ANY }, system);
    // rule: owned-links
    if (problem !== undefined) return `${problem}, with the link ${escapeText(link)}`;
  }
  const real = await realpath(path);
  const stats = await stat(real);
  return exposure(real, { uid: stats.uid, mode: stats.isSocket() ? ANY : stats.mode }, system);
}

/** Mode for `exposure` where the mode does not matter: a link cannot be written, and writing to a socket is connecting to it. */
const ANY = 0;

/** As many links as Linux follows. */
const MAX_LINKS = 40;

/** Returns the symbolic links that lead to a file, each by a path without links before its last part. */
async function linksTo(path: string): Promise<readonly string[]> {
  const links: string[] = [];
  const parts = resolve(path).split("/");
  let at = "/";
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const next = join(at, part);
    if (part === "" || part === "." || part === ".." || !(await lstat(next)).isSymbolicLink()) {
      at = next;
      continue;
    }
    links.push(next);
    if (links.length > MAX_LINKS)
      throw new SshError("file-unreadable", `too many symbolic links at ${escapeText(next)}`);
    const target = await readlink(next);
    if (target.startsWith("/")) at = "/";
    parts.unshift(...target.split("/"));
  }
  return links;
}
