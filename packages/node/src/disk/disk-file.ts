import { closeSync, fstatSync, fsync, read, readSync, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { Attributes, ServedFile } from "@nacre/files/server";
import { FREED_FROM, freeBuffer } from "nacre/extend";
import { attributesOf, changeOpen, exactSize } from "./attributes.ts";
import { descriptorPath } from "./descriptor-directory.ts";
import type { PathUser } from "./directory-tree.ts";
import { busyUntil, closeLater, closesSlowly, type FileId, resize, slowCalls, whenFree } from "./long-file.ts";
import type { TurnBudget } from "./turn-budget.ts";

/** Longest read in bytes that runs synchronously. Longer ones, which SFTP does not ask for, are shortened. */
const READ_LENGTH = 256 * 1024;

/** Longest write in bytes that runs synchronously. */
const WRITE_LENGTH = 64 * 1024;

/** Receives synchronous reads of all files. A new buffer for each read would cost ten times the read itself. */
let readBuffer: Uint8Array | undefined;

const readLater = promisify(read);
const writeLater = promisify(write);
const storeLater = promisify(fsync);

/** The file system as an open file or directory uses it. */
export interface HandleContext extends PathUser {
  readonly turn: TurnBudget;
  /** Whether to free the data of a write once it is written. Its buffer must hold nothing else that is in use. */
  readonly freesBuffers: boolean;
  /** Returns what a client may set of some attributes. Throws EROFS if the file system is read-only. */
  settable(this: void, attributes: Attributes): Attributes;
}

/** An open file of the disk. */
export class DiskFile implements ServedFile {
  readonly #descriptor: number;
  readonly #id: FileId;
  readonly #context: HandleContext;
  readonly #appends: boolean;
  /** Settles when the last write of a file opened for appending has. Never rejects. */
  #lastAppend: Promise<void> = Promise.resolve();

  /** Takes over a descriptor, which counts as opened. */
  constructor(descriptor: number, id: FileId, context: HandleContext, appends: boolean) {
    this.#descriptor = descriptor;
    this.#id = id;
    this.#context = context;
    this.#appends = appends;
  }

  /** Path for `node:fs` of the open file. */
  get path(): string {
    return descriptorPath(this.#descriptor);
  }

  readNow(offset: number, length: number): Uint8Array | undefined {
    // rule: sftp-disk-busy-read
    if (busyUntil(this.#id) !== undefined) return undefined;
    return this.#context.turn.attempt(() => {
      readBuffer ??= new Uint8Array(READ_LENGTH);
      return readBuffer.subarray(
        0,
        readSync(this.#descriptor, readBuffer, 0, Math.min(length, readBuffer.length), offset),
      );
    });
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(Math.min(length, READ_LENGTH));
    const { bytesRead } = await whenFree(this.#id, () => readLater(this.#descriptor, buffer, 0, buffer.length, offset));
    return buffer.subarray(0, bytesRead);
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    if (!this.#appends) return this.#writeAt(offset, data);
    // The thread pool would append in any order.
    const appended = this.#lastAppend.then(() => this.#writeAt(undefined, data));
    this.#lastAppend = appended.catch(() => {});
    return appended;
  }

  /** Writes all bytes. Without an offset, the system appends them. */
  async #writeAt(offset: number | undefined, data: Uint8Array): Promise<void> {
    const { turn, freesBuffers } = this.#context;
    for (let done = 0; done < data.length; ) {
      const position = offset === undefined ? null : offset + done;
      const length = data.length - done;
      const write = (): number => writeSync(this.#descriptor, data, done, length, position);
      const isQuick = length <= WRITE_LENGTH && /* rule: sftp-disk-busy-write */ busyUntil(this.#id) === undefined;
      const writtenNow = isQuick ? turn.attempt(write) : undefined;
      done +=
        writtenNow ??
        (await whenFree(this.#id, () => writeLater(this.#descriptor, data, done, length, position))).bytesWritten;
    }
    if (freesBuffers && data.length >= FREED_FROM) freeBuffer(data.buffer as ArrayBuffer);
  }

  stat(): Promise<Attributes> {
    const { turn, login } = this.#context;
    return turn.run(login, () => attributesOf(fstatSync(this.#descriptor)));
  }

  setstat(attributes: Attributes): Promise<void> {
    const { turn, login } = this.#context;
    return turn.run(login, () => this.change(this.#context.settable(attributes)));
  }

  /** Changes the given attributes. Call it in a turn that has time left. */
  async change({ size, ...others }: Attributes): Promise<void> {
    if (size !== undefined) await resize(this.#context.login, this.#descriptor, exactSize(size));
    // rule: sftp-disk-busy-attributes
    await whenFree(this.#id, () => changeOpen(this.#descriptor, others));
  }

  /** Stores the contents durably. */
  sync(): Promise<void> {
    return slowCalls.run(this.#context.login, () => whenFree(this.#id, () => storeLater(this.#descriptor)));
  }

  async close(): Promise<void> {
    const { turn, login, closed } = this.#context;
    try {
      // rule: sftp-disk-last-close
      if (closesSlowly(this.#descriptor)) await slowCalls.run(login, () => closeLater(this.#descriptor));
      else if (turn.permits) turn.count(() => closeSync(this.#descriptor));
      else await closeLater(this.#descriptor);
    } finally {
      closed();
    }
  }
}

/** Returns an open file once it is empty. Closes it if that fails. */
export async function truncated(file: DiskFile): Promise<DiskFile> {
  try {
    await file.change({ size: 0n });
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
