import { createHash } from "node:crypto";
import { constants, lstatSync, renameSync, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type {
  LocalAttributes,
  LocalEntry,
  LocalFiles,
  LocalPartial,
  LocalReader,
  LocalStats,
  LocalWriter,
  Sha256,
} from "@nacre/files";
import { decodePath, encodePath } from "@nacre/files";
import { SshError } from "@nacre/wire";
import { windowsFiles } from "../windows/files.ts";
import { isWindows, showPath, thisSystem } from "../windows/system.ts";
import { holdDirectory, shownPath } from "./held-directory.ts";
import { LocalFile, soon } from "./local-file.ts";

// Windows lacks these flags.
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_DIRECTORY = 0 } = constants as Partial<typeof constants>;
const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = constants;

// Another user of the directory must not choose the file: O_EXCL refuses every existing name, even that of a link.
const CREATE_FLAGS = O_WRONLY | O_CREAT | O_NOFOLLOW | /* rule: transfer-exclusive */ O_EXCL;

/** Number of entries of a directory whose attributes are read at the same time. */
const MOST_AT_ONCE = 64;

const diskFiles: LocalFiles = {
  nameRules: "posix",
  join,
  split: (path) => ({ directory: dirname(path), name: basename(path) }),
  stat: (path) => reading(path, async () => statsOf(await fs.stat(nodePath(path)))),
  lstat: (path) => reading(path, async () => statsOf(await lstat(nodePath(path)))),
  realpath: (path) => reading(path, async () => textOf(await fs.realpath(nodePath(path), { encoding: "buffer" }))),
  list,
  open: (path, follow) => reading(path, () => open(path, follow)),
  create: (path, mode) => writing(path, () => create(path, mode)),
  rename: (from, to) => writing(to, () => rename(nodePath(from), nodePath(to))),
  remove: (path) => writing(path, () => fs.rm(nodePath(path), { force: true })),
  makeDirectory: (path, mode) => writing(path, () => makeDirectory(path, mode)),
  setAttributes: (path, attributes) => writing(path, () => setAttributes(path, attributes)),
  readlink: (path) => reading(path, async () => textOf(await fs.readlink(nodePath(path), { encoding: "buffer" }))),
  symlink: (target, path) => writing(path, () => fs.symlink(nodePath(target), nodePath(path))),
  openPartial: (path) => writing(path, () => openPartial(path)),
  // rmdir(2) refuses a symbolic link.
  removeDirectory: (path) => writing(path, () => fs.rmdir(nodePath(path))),
  // Elsewhere, a link that takes the place of a directory after it was entered redirects what is written into it later.
  ...(thisSystem.platform === "linux" && {
    holdDirectory: (path, follow) => writing(path, () => holdDirectory(nodePath(path), path, follow)),
  }),
  sha256,
};

/** Node's file system as the local side of transfers. Names that are not UTF-8 survive, in the form of `decodePath`. */
export const nodeFiles: LocalFiles = isWindows() ? /* @__PURE__ */ windowsFiles(diskFiles) : diskFiles;

/**
 * Returns a path for Node's functions: bytes only where text cannot name the file, because Deno does not report errors of all calls with
 * bytes. Windows has names of UTF-16 and takes no others.
 */
function nodePath(path: string): string | Buffer {
  return isWindows() || !LONE_SURROGATE.test(path) ? path : Buffer.from(encodePath(path));
}

/** Matches what `decodePath` returns for bytes that are not UTF-8. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

function textOf(path: Buffer): string {
  return isWindows() ? path.toString() : decodePath(path);
}

function lstat(path: string | Buffer): Stats | Promise<Stats> {
  return soon(
    () => lstatSync(path),
    () => fs.lstat(path),
  );
}

function rename(from: string | Buffer, to: string | Buffer): void | Promise<void> {
  return soon(
    () => renameSync(from, to),
    () => fs.rename(from, to),
  );
}

async function* list(path: string): AsyncGenerator<LocalEntry, void> {
  const names = await reading(path, () => fs.readdir(nodePath(path), { encoding: "buffer" }));
  for (let at = 0; at < names.length; at += MOST_AT_ONCE) {
    const batch = names.slice(at, at + MOST_AT_ONCE).map(textOf);
    for (const entry of await Promise.all(batch.map((name) => entryOf(path, name))))
      if (entry !== undefined) yield entry;
  }
}

/** Returns `undefined` for an entry that was removed after its name was read. The others must not fail with it. */
async function entryOf(directory: string, name: string): Promise<LocalEntry | undefined> {
  try {
    return { ...(await diskFiles.lstat(join(directory, name))), name };
  } catch (error) {
    if (((error as SshError).cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
    throw error;
  }
}

async function open(path: string, follow: boolean): Promise<LocalReader> {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  const file = await LocalFile.open(nodePath(path), O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  try {
    if (!(await file.stat()).isFile()) throw new Error("it is not a regular file any more");
  } catch (error) {
    await file.close();
    throw error;
  }
  return readerOf(file, path);
}

function readerOf(file: LocalFile, path: string): LocalReader {
  return {
    read: (buffer, position) => reading(path, () => file.read(buffer, position)),
    close: async () => file.close(),
  };
}

async function create(path: string, mode: number | undefined): Promise<LocalWriter> {
  return writerOf(await LocalFile.open(nodePath(path), CREATE_FLAGS, mode), path);
}

/** Opens a partial file. All checks are made on the open file, so another one cannot take its place after them. */
async function openPartial(path: string): Promise<LocalPartial | undefined> {
  const flags = O_RDWR | O_NONBLOCK | /* rule: transfer-partial-local-link */ O_NOFOLLOW;
  let file: LocalFile;
  try {
    file = await LocalFile.open(nodePath(path), flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !NOT_OURS.has(code)) throw error;
    return undefined;
  }
  const stats = await file.stat();
  const uid = process.geteuid?.();
  if (
    stats.isFile() &&
    /* rule: transfer-partial-local-links */ stats.nlink === 1 &&
    /* rule: transfer-partial-local-owner */ (uid === undefined || stats.uid === uid)
  )
    return { size: stats.size, ...readerOf(file, path), ...writerOf(file, path) };
  await file.close();
  return undefined;
}

/** Codes of files that are gone, links, directories, pipes, or files of other users. */
const NOT_OURS: ReadonlySet<string> = new Set(["ENOENT", "ELOOP", "EMLINK", "EISDIR", "ENXIO", "EACCES", "EPERM"]);

function sha256(): Sha256 {
  const hash = createHash("sha256");
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.copy().digest("hex"),
  };
}

function writerOf(file: LocalFile, path: string): LocalWriter {
  return {
    write: (pieces, position) => writing(path, () => file.write(pieces, position)),
    setAttributes: (attributes) => writing(path, () => file.setAttributes(attributes)),
    sync: () => writing(path, () => file.sync()),
    close: () => writing(path, () => file.close()),
  };
}

async function makeDirectory(path: string, mode: number | undefined): Promise<boolean> {
  try {
    await fs.mkdir(nodePath(path), { mode });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function setAttributes(path: string, attributes: LocalAttributes): Promise<void> {
  if (isWindows()) {
    // Windows cannot open a directory, and has no permission bits.
    const { times } = attributes;
    if (times !== undefined) await fs.utimes(path, times.atimeMs / 1000, times.mtimeMs / 1000);
    return;
  }
  const directory = await LocalFile.open(nodePath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await directory.setAttributes(attributes);
  } finally {
    await directory.close();
  }
}

function statsOf(stats: Stats): LocalStats {
  const { size, mode, atimeMs, mtimeMs } = stats;
  const type = stats.isFile()
    ? "file"
    : stats.isDirectory()
      ? "directory"
      : stats.isSymbolicLink()
        ? "link"
        : "special";
  return { type, size, mode, atimeMs, mtimeMs };
}

/** Gives errors of Node the code `file-unreadable`. */
function reading<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  return withCode("file-unreadable", path, work);
}

/** Gives errors of Node the code `file-unwritable`. */
function writing<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  return withCode("file-unwritable", path, work);
}

/** Returns the path that a file has when it is whole. */
function wholePath(path: string): string {
  const [, name] = TEMPORARY_NAME.exec(basename(path)) ?? [];
  return name === undefined ? path : join(dirname(path), name);
}

/** Matches the names of files that are not whole, which begin with that of the file. */
const TEMPORARY_NAME = /^\.(.+)\.nacre-[0-9a-f]{24}(?:-[0-9a-z]+-[0-9a-z]+)?$/s;

type FileCode = "file-unreadable" | "file-unwritable";

async function withCode<T>(code: FileCode, path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw fileError(code, path, cause);
  }
}

function fileError(code: FileCode, path: string, cause: unknown): unknown {
  if (cause instanceof SshError) return cause;
  const isReading = code === "file-unreadable";
  const { code: errno, message } = cause as NodeJS.ErrnoException;
  // Node's message repeats the path, which may be that of a temporary file.
  const reason = NODE_MESSAGE.exec(message)?.[1] ?? shownPath(message);
  const remedy = isReading || errno !== "ENOENT" ? "" : "; make its directory first";
  const place = shownPath(isReading ? path : wholePath(path));
  const verb = isReading ? "read" : "write";
  return new SshError(code, `cannot ${verb} ${showPath(place)}: ${showPath(reason)}${remedy}`, { cause });
}

/** Matches `ENOENT: no such file or directory, open '/path'`. */
const NODE_MESSAGE = /^[A-Z][A-Z0-9]*: ([^,]+), [a-z]+(?: '.*')?$/s;
