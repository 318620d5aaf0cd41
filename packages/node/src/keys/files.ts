import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SshError } from "@nacre/wire";
import { devicePath, isNullDevice, isWindows, showPath } from "../windows/system.ts";
import { accountHome } from "./account.ts";

/**
 * Replaces a leading `~/` with the home folder of the account that runs this process, as in OpenSSH's configuration. The folder comes from
 * the password database, not from `HOME`; `home` overrides it. On Windows also replaces `~\`, and the names of the null device by one of
 * them: `NUL` and `/dev/null` become `\\.\nul`. Throws `usage` if the account has no home folder.
 */
export function expandHome(path: string, home: string | undefined = accountHome()): string {
  if (!path.startsWith("~/") && !(path.startsWith("~\\") && isWindows())) return devicePath(path);
  if (home === undefined)
    throw new SshError(
      "usage",
      `${showPath(path)}: this account has no home folder in the password database; use an absolute path`,
    );
  return join(home, path.slice(2));
}

/**
 * Returns whether a path is actually the text of a file, probably a private key, so that no message may show it. Text from an environment
 * variable often has lost its line breaks.
 */
export function isFileText(path: string): boolean {
  return path.includes("-----BEGIN") || /[\r\n]/.test(path);
}

/**
 * Returns the bytes of a file, or `undefined` if it does not exist. Rejects with `file-unreadable` if it cannot be read, or `usage` if
 * `path` is the text of a file.
 */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  if (isFileText(path)) throw new SshError("usage", "expected the path of a file, got its content");
  if (isNullDevice(path)) return new Uint8Array();
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new SshError("file-unreadable", `cannot read ${showPath(path)}: ${showPath(message)}`, { cause });
  }
}

/** Returns the error with the file's name added to its message. */
export function inFile(path: string, cause: unknown): unknown {
  if (!(cause instanceof SshError)) return cause;
  return new SshError(cause.code, `${showPath(path)}: ${cause.message}`, { cause });
}
