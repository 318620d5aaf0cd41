import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { escapeText, SshError } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
import { isWindows } from "../windows/system.ts";

/** Options of `diskFileSystem`. */
export interface DiskFileSystemOptions {
  /**
   * Directory that is served, as an absolute path: the "/" of clients. No client may be able to replace it, or a directory above it.
   */
  readonly root: string;
  /** Directory in the root that relative paths start at, as clients write it; default "/". */
  readonly startDirectory?: string | undefined;
  /** Whether to refuse everything that changes something, with `EROFS`; default false. */
  readonly readOnly?: boolean | undefined;
  /** Permission bits that new files and directories do not get, in addition to those of the process's own umask; default 0. */
  readonly umask?: number | undefined;
  /**
   * Maximum number of files and directories open at the same time below this root, in all sessions; above it, opens fail with `EMFILE`. One
   * login, of a user and key, opens no more than are left, so it never has more than half of them. Default 4096.
   */
  readonly maxHandles?: number | undefined;
}

/** Names of the options of `diskFileSystem`. */
export const DISK_OPTIONS: OptionRows<DiskFileSystemOptions> = {
  root: true,
  startDirectory: true,
  readOnly: true,
  umask: true,
  maxHandles: true,
};

/** Throws `usage` unless the options of `diskFileSystem` are valid and the root is a directory. */
export function checkDiskOptions(options: DiskFileSystemOptions): void {
  checkOptions(options, DISK_OPTIONS, "`diskFileSystem`");
  const { root, startDirectory = "/", readOnly = false, umask = 0, maxHandles = 1 } = options;
  if (isWindows())
    throw usage("`diskFileSystem` does not run on Windows; serve another `FileSystem`, such as memoryFileSystem()");
  if (typeof root !== "string" || !isAbsolute(root) || root.includes("\0"))
    throw usage(`\`root\` must be an absolute path, got ${shown(root)}`);
  if (typeof startDirectory !== "string" || startDirectory.includes("\0"))
    throw usage(`\`startDirectory\` must be a path inside \`root\`, got ${shown(startDirectory)}`);
  if (typeof readOnly !== "boolean") throw usage("`readOnly` must be true or false");
  if (!(Number.isInteger(umask) && umask >= 0 && umask <= 0o777))
    throw usage(`\`umask\` must be an integer from 0 to 0o777, got ${shown(umask)}`);
  if (!(Number.isSafeInteger(maxHandles) && maxHandles > 0))
    throw usage(`\`maxHandles\` must be an integer from 1, got ${shown(maxHandles)}`);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw usage(`\`root\` is not a directory: ${escapeText(root)}; create it first`);
}

function shown(value: unknown): string {
  return typeof value === "string" ? `"${escapeText(value)}"` : String(value);
}

function usage(message: string): SshError {
  return new SshError("usage", message);
}
