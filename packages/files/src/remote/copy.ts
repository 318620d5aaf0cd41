import { type Attributes, decodePath, SFTP_EXTENSIONS, type SftpClientRequest, SftpError, SSH_FX } from "@nacre/sftp";
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { usage } from "nacre/extend";
import { readChunks, readInto } from "../blocks/read.ts";
import { writeAll } from "../blocks/write-all.ts";
import { writeAndClose } from "../blocks/write-file.ts";
import { type CallContext, call, hasStatus } from "../channel/call.ts";
import { closeFile, openFile, setAttributes } from "../channel/open-file.ts";
import { isReusedHandle } from "../channel/open-queue.ts";
import type { CpOptions } from "../channel/options.ts";
import { basename, dirname, join, toBytes } from "../channel/remote-path.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { readAllEntries } from "./directory.ts";
import { makeDirectories } from "./make-directory.ts";
import { removeFile } from "./remove.ts";
import { Stats } from "./stats.ts";
import { allSettled, Parallel, TreeBound } from "./tree.ts";

/** Copies files, links and directories on the server. See `Sftp.cp`. */
export async function copy(
  channel: SftpChannel,
  from: string,
  to: string,
  options: CpOptions,
  context: CallContext,
): Promise<void> {
  const { attributes } = await call(channel, { type: "lstat", path: toBytes(from) }, "attributes", context);
  const isDirectory = new Stats(attributes, Number).isDirectory();
  if (isDirectory && options.recursive !== true)
    throw usage(`cp "${escapeText(from)}": it is a directory; pass { recursive: true }`);
  await assertApart(channel, from, to, context);
  await new Copy(channel, options, context).entry(from, to, attributes);
}

/** Copies one file on the server. See `Sftp.copyFile`. */
export async function copyFile(
  channel: SftpChannel,
  from: string,
  to: string,
  force: boolean,
  context: CallContext,
): Promise<void> {
  await assertApart(channel, from, to, context);
  await copyContents(channel, from, to, { isExclusive: !force, keepsTimes: false }, context);
}

/** A copy of a file or a directory, with its options. */
class Copy {
  readonly #channel: SftpChannel;
  readonly #options: CpOptions;
  readonly #context: CallContext;
  readonly #parallel = new Parallel();
  readonly #bound: TreeBound;

  constructor(channel: SftpChannel, options: CpOptions, context: CallContext) {
    this.#channel = channel;
    this.#options = options;
    this.#context = context;
    this.#bound = new TreeBound(context);
  }

  async entry(from: string, to: string, attributes: Attributes, depth = 0): Promise<void> {
    const stats = new Stats(attributes, Number);
    if (stats.isDirectory()) await this.#directory(from, to, attributes, depth);
    else if (stats.isSymbolicLink()) await this.#parallel.run(() => this.#link(from, to));
    else if (stats.isFile()) await this.#parallel.run(() => this.#file(from, to));
    else throw usage(`cp "${escapeText(from)}": it is neither a file, a directory nor a symbolic link; leave it out`);
  }

  async #directory(from: string, to: string, { permissions, times }: Attributes, depth: number): Promise<void> {
    const mode = permissions === undefined ? undefined : permissions & 0o777;
    const entries = await this.#parallel.run(async () => {
      await makeDirectories(this.#channel, to, mode, this.#context);
      const listed = await readAllEntries(this.#channel, from, this.#context);
      this.#bound.hold(depth, from, listed.length);
      return listed;
    });
    await allSettled(
      entries.map(async ({ name, stats }) => {
        await this.entry(join(from, name), join(to, name), attributesOf(stats), depth + 1);
        this.#bound.release(1);
      }),
    );
    if (this.#options.preserveTimestamps === true && times !== undefined)
      await this.#send({ type: "setstat", path: toBytes(to), attributes: { times } });
  }

  async #file(from: string, to: string): Promise<void> {
    const { force = true, preserveTimestamps = false } = this.#options;
    try {
      const how = { isExclusive: !force, keepsTimes: preserveTimestamps };
      await copyContents(this.#channel, from, to, how, this.#context);
    } catch (error) {
      await this.#leaveExisting(to, error);
    }
  }

  async #link(from: string, to: string): Promise<void> {
    const { name } = await call(this.#channel, { type: "readlink", path: toBytes(from) }, "name", this.#context);
    const link = { type: "symlink", targetPath: name.filename, linkPath: toBytes(to) } as const;
    try {
      await this.#send(link);
    } catch (error) {
      if (this.#options.force === false) {
        await this.#leaveExisting(to, error);
        return;
      }
      if (!(error instanceof SftpError)) throw error;
      // Only a link or file that exists can be in the way: removing fails otherwise.
      await removeFile(this.#channel, to, this.#context);
      await this.#send(link);
    }
  }

  /** Ignores a failure to make something that exists, unless the options say otherwise. */
  async #leaveExisting(path: string, error: unknown): Promise<void> {
    const { force = true, errorOnExist = false } = this.#options;
    if (force || errorOnExist || !(error instanceof SftpError)) throw error;
    try {
      await call(this.#channel, { type: "lstat", path: toBytes(path) }, "attributes", this.#context);
    } catch {
      throw error;
    }
  }

  async #send(request: SftpClientRequest): Promise<void> {
    await call(this.#channel, request, "status", this.#context);
  }
}

interface HowToCopy {
  /** Whether an existing file is an error. */
  readonly isExclusive: boolean;
  /** Whether the copy gets the times of the source. */
  readonly keepsTimes: boolean;
}

/** Copies the contents and permission bits of a file. A copy that fails is left as it is: an incomplete file. */
async function copyContents(
  channel: SftpChannel,
  from: string,
  to: string,
  { isExclusive, keepsTimes }: HowToCopy,
  context: CallContext,
): Promise<void> {
  /** Whether an existing target may be replaced: also if this call has made it. */
  let replaces = !isExclusive;
  const openTarget = async (attributes: Attributes): Promise<OpenFile> => {
    try {
      const target = await openFile(channel, to, replaces ? "w" : "wx", attributes, context);
      replaces = true;
      return target;
    } catch (error) {
      replaces ||= isReusedHandle(error);
      throw error;
    }
  };
  const copyOnce = (): Promise<void> => {
    const copyIn = channel.isOneByOne ? copyInParts : copyWhole;
    return copyIn(channel, { from, to, keepsTimes, openTarget }, context);
  };
  await channel.opens.runAgain(context, copyOnce);
}

interface FileCopy {
  readonly from: string;
  readonly to: string;
  readonly keepsTimes: boolean;
  /** Opens the target for writing, and empties it. The attributes are those of a new file. */
  readonly openTarget: (attributes: Attributes) => Promise<OpenFile>;
}

/** Copies a file with source and target open at the same time. */
async function copyWhole(channel: SftpChannel, file: FileCopy, context: CallContext): Promise<void> {
  const source = await openFile(channel, file.from, "r", {}, context);
  let target: OpenFile | undefined;
  try {
    const { created, final } = keptAttributes(await fstat(channel, source, context), file);
    target = await file.openTarget(created);
    await copyBytes(channel, source, target, context);
    await setAttributes(channel, target, final, context);
    const closing = closeFile(channel, target, context);
    target = undefined;
    await closing;
  } finally {
    if (target !== undefined) channel.release(target.handle);
    channel.release(source.handle);
  }
}

/** Length in bytes of the parts of a file that is copied with one file open at a time. */
const PART_LENGTH = 16 * 1024 * 1024;

/** Copies a file through this side, with either source or target open. */
async function copyInParts(channel: SftpChannel, file: FileCopy, context: CallContext): Promise<void> {
  for (let position = 0; ; ) {
    const source = await openFile(channel, file.from, "r", {}, context);
    let attributes: Attributes;
    let part: Bytes;
    let count: number;
    try {
      attributes = await fstat(channel, source, context);
      // One byte more finds the end of the file.
      const rest = Math.max(Number(attributes.size ?? PART_LENGTH) - position, 0) + 1;
      part = new Uint8Array(Math.min(rest, PART_LENGTH));
      count = await readInto(channel, source, [part], position, context);
    } finally {
      channel.release(source.handle);
    }
    const isLast = count < part.length;
    const { created, final } = keptAttributes(attributes, file);
    const target =
      position === 0 ? await file.openTarget(created) : await openFile(channel, file.to, "r+", {}, context);
    const end = { position, final: isLast ? final : undefined, flush: false };
    await writeAndClose(channel, target, part.subarray(0, count), end, context);
    if (isLast) return;
    position += count;
  }
}

async function fstat(channel: SftpChannel, { handle }: OpenFile, context: CallContext): Promise<Attributes> {
  return (await call(channel, { type: "fstat", handle }, "attributes", context)).attributes;
}

/** Returns the attributes of a new copy, and those to set when it has all bytes. */
function keptAttributes(
  { permissions, times }: Attributes,
  { keepsTimes }: FileCopy,
): { readonly created: Attributes; readonly final: Attributes } {
  const created = permissions === undefined ? {} : { permissions: permissions & 0o777 };
  return { created, final: { ...created, ...(keepsTimes && times !== undefined && { times }) } };
}

/** Copies all bytes: on the server if it can, otherwise through this side. */
async function copyBytes(
  channel: SftpChannel,
  source: OpenFile,
  target: OpenFile,
  context: CallContext,
): Promise<void> {
  if (channel.machine.supports(SFTP_EXTENSIONS.copyData)) {
    const whole = { readHandle: source.handle, readOffset: 0, length: 0, writeHandle: target.handle, writeOffset: 0 };
    try {
      await call(channel, { type: "copy-data", ...whole }, "status", context);
      return;
    } catch (error) {
      if (!hasStatus(error, SSH_FX.OP_UNSUPPORTED)) throw error;
    }
  }
  await writeAll(channel, target, readChunks(channel, source, {}, context), {}, context);
}

/** Throws if the target is the source itself, whose contents would be lost, or is below it, which would never end. */
export async function assertApart(channel: SftpChannel, from: string, to: string, context: CallContext): Promise<void> {
  const [source, target, parent] = await Promise.all(
    [from, to, dirname(to)].map((path) => realPath(channel, path, context)),
  );
  const real = target ?? (parent === undefined ? undefined : join(parent, basename(to)));
  if (source !== undefined && real !== undefined && (real === source || real.startsWith(join(source, ""))))
    throw new SshError(
      "usage",
      `${context.call} "${escapeText(from)}": "${escapeText(to)}" is the same file or lies below it; choose another target`,
    );
}

/** Returns the path without links, or `undefined` if the server cannot tell. */
async function realPath(channel: SftpChannel, path: string, context: CallContext): Promise<string | undefined> {
  try {
    const { name } = await call(channel, { type: "realpath", path: toBytes(path) }, "name", context);
    return decodePath(name.filename);
  } catch (error) {
    if (error instanceof SftpError) return undefined;
    throw error;
  }
}

/** Returns the attributes that a copy needs. */
function attributesOf({ mode, atimeMs, mtimeMs }: Stats): Attributes {
  const times =
    atimeMs === undefined || mtimeMs === undefined ? undefined : { atime: atimeMs / 1000, mtime: mtimeMs / 1000 };
  return { permissions: mode, times };
}
