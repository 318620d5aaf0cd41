import type { Stats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, join, posix, win32 } from "node:path";
import { nameProblem, SftpError, SSH_FX, WrittenNames } from "@nacre/files";
import type { Client, Sftp } from "@nacre/node";
import { isNullDevice, isWindows, showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import { glob } from "../glob.ts";
import { isStandardOutput } from "./special-file.ts";

/** A file or directory that exists. */
export interface Found {
  /** Whether it is a directory, or a link to one. */
  readonly isDirectory: boolean;
  /** Whether it is a device, pipe or socket. */
  readonly isSpecial: boolean;
  /** Size in bytes; `undefined` if unknown. */
  readonly size: number | undefined;
}

/** Files of this machine or of a server: what planning a copy needs to know. */
export interface Side {
  /** Returns a path of this side as messages show it. */
  show(path: string): string;
  /** Replaces `~bob` at the start of a path by that user's directory on the server. Resolves with other paths unchanged. */
  resolve(path: string): Promise<string>;
  /** Resolves with the file or directory at a path, following links; `undefined` if nothing is there. Rejects for other errors. */
  find(path: string): Promise<Found | undefined>;
  /** Resolves with the target of a symbolic link; `undefined` for anything else, or if the target does not exist. */
  follow(path: string): Promise<string | undefined>;
  /** Resolves with the paths that a source stands for: the matches of a pattern, or the path itself. */
  expand(path: string): Promise<readonly string[]>;
  /** Returns the last name of a path; "" if it has none. */
  basename(path: string): string;
  /** Returns the path of a name in a directory. Throws `file-unwritable` for a name that no file of this side can have. */
  join(directory: string, name: string): string;
}

/** Returns the files of this machine. The shell has expanded patterns, but not on Windows. `rules` are those of its names. */
export function localSide(rules: "posix" | "windows" = isWindows() ? "windows" : "posix"): Side {
  const written = new Map<string, WrittenNames>();
  const writtenIn = (directory: string): WrittenNames => {
    const names = written.get(directory) ?? new WrittenNames();
    written.set(directory, names);
    return names;
  };
  return {
    show: showPath,
    resolve: async (path) => path,
    async find(name) {
      if (isNullDevice(name)) return { isDirectory: false, isSpecial: true, size: undefined };
      try {
        const found = foundOf(await stat(name));
        return isStandardOutput(name) ? { ...found, isSpecial: true } : found;
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException;
        if (code === "ENOENT") return undefined;
        throw new SshError("file-unreadable", `cannot read ${showPath(name)}: ${showPath(message)}`, { cause });
      }
    },
    async follow(name) {
      try {
        return (await lstat(name)).isSymbolicLink() ? await realpath(name) : undefined;
      } catch {
        return undefined;
      }
    },
    expand: rules === "windows" ? expandOnWindows : async (name) => [name],
    basename: (path) => basename(path),
    join(directory, name) {
      // The server chooses the names that a pattern matches.
      const problem =
        /* rule: copy-name-local */ nameProblem(name, rules) ??
        (rules === "windows" ? writtenIn(directory).problem(name) : undefined);
      if (problem === undefined) return join(directory, name);
      throw new SshError("file-unwritable", `"${escapeText(name)}" cannot be written here: ${problem}`);
    },
  };
}

/**
 * Resolves with the files of this machine that match a pattern of `nacre sftp`, sorted. Both separators separate names. A file that has the
 * pattern as its name comes first, and a pattern that matches nothing stands for itself.
 */
async function expandOnWindows(path: string): Promise<readonly string[]> {
  if (!/[*?[{]/.test(path) || (await exists(path))) return [path];
  const { root } = win32.parse(path);
  const below = (path: string): string => root + path;
  const matches = await glob(path.slice(root.length).replaceAll("\\", "/"), {
    list: async (directory) =>
      (await readdir(below(directory) || ".", { withFileTypes: true })).map((entry) => ({
        name: entry.name,
        mayBeDirectory: entry.isDirectory() || entry.isSymbolicLink(),
      })),
    exists: (path) => exists(below(path)),
    join,
  });
  return matches.length > 0 ? matches.map(below) : [path];
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Methods of attributes on both sides. */
type AnyStats = Pick<
  Stats,
  "isDirectory" | "isFile" | "isFIFO" | "isSocket" | "isCharacterDevice" | "isBlockDevice"
> & {
  readonly size: number;
};

function foundOf(stats: AnyStats): Found {
  const isSpecial = stats.isFIFO() || stats.isSocket() || stats.isCharacterDevice() || stats.isBlockDevice();
  return { isDirectory: stats.isDirectory(), isSpecial, size: stats.size };
}

/** Returns the files of a server. */
function remoteSide(sftp: Sftp, signal: AbortSignal): Side {
  const find = async (name: string): Promise<Found | undefined> => {
    try {
      return foundOf(await sftp.stat(name || ".", { signal }));
    } catch (error) {
      if (error instanceof SftpError && error.status === SSH_FX.NO_SUCH_FILE) return undefined;
      throw error;
    }
  };
  return {
    show: escapeText,
    resolve: (path) => expandUser(sftp, path, signal),
    find,
    async follow(name) {
      try {
        return (await sftp.lstat(name || ".", { signal })).isSymbolicLink()
          ? await sftp.realpath(name, { signal })
          : undefined;
      } catch (error) {
        if (error instanceof SftpError) return undefined;
        throw error;
      }
    },
    async expand(name) {
      if (!/[*?[\\{]/.test(name)) return [name];
      const matches: string[] = [];
      for await (const match of sftp.glob(name, { signal })) matches.push(match);
      // A file may have the pattern as its name.
      return matches.length > 0 ? matches.sort() : [name];
    },
    basename: (path) => posix.basename(path),
    join: (directory, name) => (directory === "" ? name : posix.join(directory, name)),
  };
}

/**
 * Expands the path of a file of another user, `~bob/file`. Resolves with other paths unchanged. `~bob` alone stands for the contents of a
 * directory, as an empty path does. Rejects with `sftp-unsupported`.
 */
export async function expandUser(sftp: Pick<Sftp, "expandPath">, path: string, signal?: AbortSignal): Promise<string> {
  if (!path.startsWith("~")) return path;
  const slash = path.indexOf("/");
  const user = slash < 0 ? path : path.slice(0, slash);
  const rest = slash < 0 ? "" : path.slice(slash + 1);
  // Only the directory is expanded by the server. If it expanded the whole path, it could choose the name of the file written here.
  // rule: copy-expanded-name
  const directory = await sftp.expandPath(user, { signal });
  return `${directory.endsWith("/") ? directory : `${directory}/`}${rest || "."}`;
}

/** Files of a server that has scp only. A path is taken for a directory if it is written like one; nothing else is known of it. */
const scpSide: Side = {
  show: escapeText,
  resolve: async (path) => path,
  find: async (path) => ({ isDirectory: /(?:^|\/)\.{0,2}$/.test(path), isSpecial: false, size: undefined }),
  follow: async () => undefined,
  expand: async (path) => [path],
  basename: (path) => posix.basename(path),
  join: (directory, name) => (directory === "" ? name : posix.join(directory, name)),
};

/** Sides of a run. Opens one SFTP session for each server, because a server may allow only one. Call `close` at the end. */
export class Sides {
  readonly #signal: AbortSignal;
  readonly #usesScp: boolean;
  readonly #open = new Map<Client, Sftp>();

  constructor(signal: AbortSignal, usesScp: boolean) {
    this.#signal = signal;
    this.#usesScp = usesScp;
  }

  /** Resolves with the files of a server; of this machine for `undefined`. */
  async of(client: Client | undefined): Promise<Side> {
    if (client === undefined) return localSide();
    if (this.#usesScp) return scpSide;
    return remoteSide(await this.sftp(client), this.#signal);
  }

  /** Resolves with SFTP to a server. Opens the session once, and again if it has ended. */
  async sftp(client: Client): Promise<Sftp> {
    const open = this.#open.get(client);
    if (open !== undefined) return open;
    const sftp = await client.sftp({ signal: this.#signal });
    this.#open.set(client, sftp);
    void sftp.ended.then(() => this.#open.delete(client));
    return sftp;
  }

  /** Ends the SFTP sessions. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#open.values(), (sftp) => sftp.close()));
  }
}
