import { constants, type FileHandle, lstat, open, readdir, realpath } from "node:fs/promises";
import type { FileAnswer } from "@nacre/config";
import { matchesName } from "@nacre/files";
import { SshError } from "@nacre/wire";
import { isNullDevice, isWindows, showPath } from "../windows/system.ts";

/** Maximum size of a file in bytes. */
const MAX_BYTES = 1024 * 1024;

/** Maximum number of names that one pattern of Include is compared with. */
const MAX_NAMES = 100_000;

const OTHERS_WRITE = 0o022;

/**
 * Reads a configuration file. If it is `checked`, the account with this `uid` or root must own it, and no other account may write to it.
 * The open file is what is checked. Rejects with `file-unreadable` for a pipe, a folder or a device other than the null device, and with
 * `file-malformed` for a file beyond 1 MiB.
 */
export async function readConfigFile(path: string, checked: boolean, uid: number): Promise<FileAnswer> {
  // Programs name the null device for an empty configuration. Windows has no path for a link to it.
  if (isNullDevice(path)) return { text: "" };
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe that has no writer blocks a thread.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (stats.isCharacterDevice() && isNullDevice(await realpath(path))) return { text: "" };
    // rule: config-regular
    if (!stats.isFile()) throw new SshError("file-unreadable", `${showPath(path)}: not a regular file`);
    // rule: config-file-owner
    if (checked && process.getuid !== undefined && isExposed(stats, uid)) return { problem: "unsafe" };
    // rule: config-file-bytes
    if (stats.size > MAX_BYTES)
      throw new SshError("file-malformed", `${showPath(path)}: longer than ${MAX_BYTES} bytes`);
    return { text: await file.readFile("utf8") };
  } catch (cause) {
    if (cause instanceof SshError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { problem: "missing" };
    return { problem: "unreadable", message: systemMessage(message) };
  } finally {
    await file?.close();
  }
}

function isExposed({ uid: owner, mode }: { readonly uid: number; readonly mode: number }, uid: number): boolean {
  return (owner !== 0 && owner !== uid) || (mode & OTHERS_WRITE) !== 0;
}

/** Returns the text of the operating system in a message such as `EACCES: permission denied, open '/x'`, as C programs print it. */
function systemMessage(message: string): string {
  const [, text = message] = /^[A-Z0-9]+: ([^,]+)/.exec(message) ?? [];
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Returns the paths that match an absolute pattern, sorted, as glob(3) does. On Windows a backslash separates names, as a slash does. A
 * folder that cannot be listed has no matches. Rejects with `file-malformed` if the pattern has to be compared with too many names.
 */
export async function globPaths(pattern: string): Promise<readonly string[]> {
  const [root = "", ...parts] = (isWindows() ? pattern.replaceAll("\\", "/") : pattern).split("/");
  let found: readonly string[] = [root];
  let names = 0;
  for (const part of parts) {
    if (!/[*?[\\]/.test(part)) {
      found = found.map((path) => `${path}/${part}`);
      continue;
    }
    const below: string[] = [];
    for (const folder of found) {
      const entries = await readdir(folder === root ? `${root}/` : folder).catch(() => []);
      names += entries.length;
      if (names > MAX_NAMES)
        throw new SshError("file-malformed", `${showPath(pattern)}: more than ${MAX_NAMES} names to compare with`);
      below.push(...entries.filter((name) => matchesName(part, name)).map((name) => `${folder}/${name}`));
    }
    found = below;
  }
  const there = await Promise.all(
    found.map((path) =>
      lstat(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.filter((_, index) => there[index]).sort();
}
