import { createHash } from "node:crypto";
import { constants, readSync, type Stats, writeSync, writevSync } from "node:fs";
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
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { FREED_FROM, freeBuffers } from "../net/free-buffer.ts";
import { holdDirectory, shownPath } from "./held-directory.ts";
import { createShort, lstatShort, readShort, rename } from "./short-files.ts";
import { diskTurn } from "./turn-budget.ts";

const isWindows = process.platform === "win32";

// Windows lacks these flags.
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_DIRECTORY = 0 } = constants as Partial<typeof constants>;
const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = constants;

// Another user of the directory must not choose the file: O_EXCL refuses every existing name, even that of a link.
const CREATE_FLAGS = O_WRONLY | O_CREAT | O_NOFOLLOW | /* rule: transfer-exclusive */ O_EXCL;

/** Number of entries of a directory whose attributes are read at the same time. */
const MOST_AT_ONCE = 64;

/** Node's file system as the local side of transfers. Names that are not UTF-8 survive, in the form of `decodePath`. */
export const nodeFiles: LocalFiles = {
  nameRules: isWindows ? "windows" : "posix",
  join,
  split: (path) => ({ directory: dirname(path), name: basename(path) }),
  stat: (path) => reading(path, async () => statsOf(await fs.stat(nodePath(path)))),
  lstat: (path) => reading(path, async () => statsOf(await fs.lstat(nodePath(path)))),
  realpath: (path) => reading(path, async () => textOf(await fs.realpath(nodePath(path), { encoding: "buffer" }))),
  list,
  open: (path, follow) => reading(path, () => open(path, follow)),
  create: (path, mode) => writing(path, () => create(path, mode)),
  readShort: (path, size, follow) =>
    withCodeSync("file-unreadable", path, () => readShort(nodePath(path), size, openFlags(follow))),
  createShort: (path, bytes, attributes) =>
    withCodeSync("file-unwritable", path, () => createShort(nodePath(path), bytes, CREATE_FLAGS, attributes)),
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
  ...(process.platform === "linux" && {
    holdDirectory: (path, follow) => writing(path, () => holdDirectory(nodePath(path), path, follow)),
  }),
  sha256,
};

/**
 * Returns a path for Node's functions: bytes only where text cannot name the file, because Deno does not report errors of all calls with bytes.
 * Windows has names of UTF-16 and takes no others.
 */
function nodePath(path: string): string | Buffer {
  return isWindows || !LONE_SURROGATE.test(path) ? path : Buffer.from(encodePath(path));
}

/** Matches what `decodePath` returns for bytes that are not UTF-8. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

function textOf(path: Buffer): string {
  return isWindows ? path.toString() : decodePath(path);
}

async function* list(path: string): AsyncGenerator<LocalEntry, void> {
  const names = await reading(path, () => fs.readdir(nodePath(path), { encoding: "buffer" }));
  for (let at = 0; at < names.length; at += MOST_AT_ONCE) {
    const batch = names.slice(at, at + MOST_AT_ONCE).map(textOf);
    const entries = shortEntries(path, batch) ?? (await Promise.all(batch.map((name) => entryOf(path, name))));
    for (const entry of entries) yield entry;
  }
}

/** Returns entries of a directory by synchronous calls, or `undefined` if the turn has no time left or the disk is slow. */
function shortEntries(directory: string, names: readonly string[]): LocalEntry[] | undefined {
  const entries: LocalEntry[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const stats = withCodeSync("file-unreadable", path, () => lstatShort(nodePath(path)));
    if (stats === undefined) return undefined;
    entries.push({ ...statsOf(stats), name });
  }
  return entries;
}

async function entryOf(directory: string, name: string): Promise<LocalEntry> {
  return { ...(await nodeFiles.lstat(join(directory, name))), name };
}

async function open(path: string, follow: boolean): Promise<LocalReader> {
  const handle = await fs.open(nodePath(path), openFlags(follow));
  try {
    if (!(await handle.stat()).isFile()) throw new Error("it is not a regular file any more");
  } catch (error) {
    await handle.close();
    throw error;
  }
  return readerOf(handle, path);
}

function openFlags(follow: boolean): number {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  return O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
}

function readerOf(handle: fs.FileHandle, path: string): LocalReader {
  return {
    read: (buffer, position) =>
      reading(
        path,
        async () =>
          diskTurn.attempt(() => readSync(handle.fd, buffer, 0, buffer.length, position)) ??
          (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
      ),
    close: () => handle.close(),
  };
}

async function create(path: string, mode: number | undefined): Promise<LocalWriter> {
  return writerOf(await fs.open(nodePath(path), CREATE_FLAGS, mode), path);
}

/** Opens a partial file. All checks are made on the open file, so another one cannot take its place after them. */
async function openPartial(path: string): Promise<LocalPartial | undefined> {
  const flags = O_RDWR | O_NONBLOCK | /* rule: transfer-partial-local-link */ O_NOFOLLOW;
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(nodePath(path), flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !NOT_OURS.has(code)) throw error;
    return undefined;
  }
  const stats = await handle.stat();
  const uid = process.geteuid?.();
  if (
    stats.isFile() &&
    /* rule: transfer-partial-local-links */ stats.nlink === 1 &&
    /* rule: transfer-partial-local-owner */ (uid === undefined || stats.uid === uid)
  )
    return { size: stats.size, ...readerOf(handle, path), ...writerOf(handle, path) };
  await handle.close();
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

function writerOf(handle: fs.FileHandle, path: string): LocalWriter {
  return {
    write: (bytes, position) =>
      writing(path, async () => {
        for (let at = 0; at < bytes.length; ) at += await writePart(handle, bytes.subarray(at), position + at);
      }),
    writePieces: (pieces, position) => writing(path, () => writePieces(handle, pieces, position)),
    setAttributes: (attributes) => writing(path, () => apply(handle, attributes)),
    close: () => writing(path, () => handle.close()),
  };
}

/** Writes bytes at `position` and resolves with how many were written. */
async function writePart(handle: fs.FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  return (
    diskTurn.attempt(() => writeSync(handle.fd, bytes, 0, bytes.length, position)) ??
    (await handle.write(bytes, 0, bytes.length, position)).bytesWritten
  );
}

/**
 * Writes pieces and frees them. The next packets then reuse memory that is in the processor's cache. Left to the garbage collector, bulk data
 * makes it run every few dozen MiB.
 */
async function writePieces(handle: fs.FileHandle, pieces: readonly Bytes[], position: number): Promise<void> {
  let at = position;
  for (let rest = pieces; rest.length > 0; ) {
    const written =
      diskTurn.attempt(() => writevSync(handle.fd, rest, at)) ?? (await handle.writev(rest, at)).bytesWritten;
    at += written;
    rest = without(rest, written);
  }
  freeBuffers(pieces.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength >= FREED_FROM));
}

/** Returns pieces without their first `length` bytes. */
function without(pieces: readonly Bytes[], length: number): readonly Bytes[] {
  let left = length;
  for (const [index, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(index + 1)];
    left -= piece.length;
  }
  return [];
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
  if (isWindows) {
    // Windows cannot open a directory, and has no permission bits.
    const { times } = attributes;
    if (times !== undefined) await fs.utimes(path, times.atimeMs / 1000, times.mtimeMs / 1000);
    return;
  }
  const handle = await fs.open(nodePath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await apply(handle, attributes);
  } finally {
    await handle.close();
  }
}

async function apply(handle: fs.FileHandle, { mode, times }: LocalAttributes): Promise<void> {
  if (times !== undefined) await handle.utimes(times.atimeMs / 1000, times.mtimeMs / 1000);
  if (mode !== undefined) await handle.chmod(mode);
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
function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  return withCode("file-unreadable", path, work);
}

/** Gives errors of Node the code `file-unwritable`. */
function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
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

async function withCode<T>(code: FileCode, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw fileError(code, path, cause);
  }
}

function withCodeSync<T>(code: FileCode, path: string, work: () => T): T {
  try {
    return work();
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
  return new SshError(code, `cannot ${verb} ${escapeText(place)}: ${escapeText(reason)}${remedy}`, { cause });
}

/** Matches `ENOENT: no such file or directory, open '/path'`. */
const NODE_MESSAGE = /^[A-Z][A-Z0-9]*: ([^,]+), [a-z]+(?: '.*')?$/s;
