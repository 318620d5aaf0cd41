import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeText, SshError } from "@nacre/wire";
import { accountHome } from "./account.ts";

/**
 * Replaces a leading `~/` by the home folder of the account that runs this process, as in OpenSSH's configuration. That is the folder in
 * the password database, whatever `HOME` says; `home` names another. Throws `usage` when the account has none.
 */
export function expandHome(path: string, home: string | undefined = accountHome()): string {
  if (!path.startsWith("~/")) return path;
  if (home === undefined)
    throw new SshError(
      "usage",
      `${escapeText(path)}: this account has no home folder in the password database: give the absolute path`,
    );
  return join(home, path.slice(2));
}

/**
 * Whether what was given for a path is the text of a file instead: of a private key, most likely, so that no message may show it. What an
 * environment variable holds has often lost its line ends.
 */
export function isFileText(path: string): boolean {
  return path.includes("-----BEGIN") || /[\r\n]/.test(path);
}

/**
 * A file's bytes; `undefined` when there is none. Rejects with `file-unreadable` where there is one that cannot be read, or `usage` for the
 * text of one.
 */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  if (isFileText(path)) throw new SshError("usage", "the path of a file is to be given here, not what is in it");
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new SshError("file-unreadable", `${escapeText(path)} cannot be read: ${escapeText(message)}`, { cause });
  }
}

/** The error of reading a file, with the file's name before its message. */
export function inFile(path: string, cause: unknown): unknown {
  if (!(cause instanceof SshError)) return cause;
  return new SshError(cause.code, `${escapeText(path)}: ${cause.message}`, { cause });
}
