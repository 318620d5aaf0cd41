import { type Attributes, SSH_FX } from "@nacre/sftp";
import { unlessAborted } from "nacre/extend";
import { writeAndClose } from "../../blocks/write-file.ts";
import { abortError, type CallContext, call, hasStatus } from "../../channel/call.ts";
import { openFile } from "../../channel/open-file.ts";
import { basename, dirname, join, toBytes } from "../../channel/remote-path.ts";
import type { OpenFile, SftpChannel } from "../../channel/sftp-channel.ts";
import { type Chunk, joined } from "../../local/chunk.ts";
import { temporaryName } from "../../local/names.ts";
import { attributesOf } from "./remote-attributes.ts";
import type { NewAttributes, PartialFile, PartialFiles, TargetEntry } from "./trees.ts";

/** Bits of the file type, and their value for a regular file. */
const TYPE_BITS = 0o170_000;
const REGULAR = 0o100_000;

/**
 * Partial files of the server. SFTP version 3 follows links when it opens a file, and states the number of hard links only in listings. So
 * the attributes of a file are compared before and after the open, and its owner with that of a new temporary file.
 */
export class RemotePartials implements PartialFiles {
  readonly #channel: SftpChannel;
  /** User id of new files. */
  #uid: Promise<number | undefined> | undefined;

  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  async create(path: string, mode: number | undefined, context: CallContext): Promise<PartialFile> {
    const created = mode === undefined ? {} : { permissions: mode };
    const file = await openFile(this.#channel, path, "wx", created, context);
    return new RemotePartial(this.#channel, file, 0);
  }

  async open(path: string, entry: TargetEntry, context: CallContext): Promise<PartialFile | undefined> {
    // rule: transfer-partial-remote-links
    if (entry.links !== 1) return undefined;
    const before = await this.#lstat(path, context);
    if (((before.permissions ?? 0) & TYPE_BITS) !== REGULAR) return undefined;
    this.#uid ??= this.#ownUid(dirname(path), context);
    // rule: transfer-partial-remote-owner
    if (before.owner === undefined || before.owner.uid !== (await this.#uid)) return undefined;
    const file = await openFile(this.#channel, path, "r+", {}, context).catch((error: unknown) => {
      if (hasStatus(error, SSH_FX.PERMISSION_DENIED)) return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    try {
      const opened = await this.#fstat(file, context);
      const after = await this.#lstat(path, context);
      if (/* rule: transfer-partial-remote-same */ isSame(opened, before, after))
        return new RemotePartial(this.#channel, file, Number(opened.size ?? 0n));
    } catch (error) {
      this.#channel.release(file.handle);
      throw error;
    }
    this.#channel.release(file.handle);
    return undefined;
  }

  async #ownUid(directory: string, context: CallContext): Promise<number | undefined> {
    const path = join(directory, temporaryName(basename(directory)));
    let file: OpenFile | undefined;
    try {
      file = await openFile(this.#channel, path, "wx", { permissions: 0o600 }, context);
      return (await this.#fstat(file, context)).owner?.uid;
    } finally {
      if (file !== undefined) this.#channel.release(file.handle);
      // Sent after an abort, too.
      const removing = call(this.#channel, { type: "remove", path: toBytes(path) }, "status", { call: "remove", path });
      // Even if the open failed, it may have made the file.
      const removed = file === undefined ? removing.catch(() => {}) : removing.then(() => {});
      await unlessAborted(removed, context.signal, () => abortError(context));
    }
  }

  async #lstat(path: string, context: CallContext): Promise<Attributes> {
    return (await call(this.#channel, { type: "lstat", path: toBytes(path) }, "attributes", context)).attributes;
  }

  async #fstat({ handle }: OpenFile, context: CallContext): Promise<Attributes> {
    return (await call(this.#channel, { type: "fstat", handle }, "attributes", context)).attributes;
  }
}

/** Returns whether all attributes can be those of one unchanged file. */
function isSame(first: Attributes, ...others: readonly Attributes[]): boolean {
  return others.every(
    (other) =>
      other.size === first.size &&
      other.permissions === first.permissions &&
      other.owner?.uid === first.owner?.uid &&
      other.times?.mtime === first.times?.mtime,
  );
}

class RemotePartial implements PartialFile {
  readonly size: number;
  readonly #channel: SftpChannel;
  readonly #file: OpenFile;

  constructor(channel: SftpChannel, file: OpenFile, size: number) {
    this.#channel = channel;
    this.#file = file;
    this.size = size;
  }

  write(
    path: string,
    chunks: AsyncIterable<Chunk>,
    { exact, flush, onUnsupported }: NewAttributes,
    context: CallContext,
  ): Promise<void> {
    const end = { position: this.size, final: exact && attributesOf(exact), onUnsupported, flush };
    return writeAndClose(this.#channel, { ...this.#file, path }, joined(chunks), end, context);
  }

  async close(): Promise<void> {
    this.#channel.release(this.#file.handle);
  }
}
