import * as fs from "node:fs";
import { BlockReader } from "@nacre/files/blocks";
import type { Bytes } from "@nacre/wire";
import { FREED_FROM, freeBuffers } from "nacre/extend";
import type { Callback } from "./call.ts";
import { sizeOf } from "./open-remote.ts";
import type { SFTP } from "./sftp.ts";
import { requestError, shortFile } from "./status.ts";
import { readTransfer, type Transfer, type TransferOptions } from "./transfer-options.ts";

/** Downloads a file: opens both, sets the mode, moves the bytes, closes the local file, then the remote one. */
export function fastGet(
  sftp: SFTP,
  remotePath: string,
  localPath: string,
  given: TransferOptions | Callback,
  last: Callback | undefined,
): void {
  const transfer = readTransfer(given, last);
  const { callback, fileSize, mode } = transfer;
  sftp.open(remotePath, "r", (error, handle) => {
    if (error !== undefined) {
      callback(error);
      return;
    }
    // Without a size, the file is read to its end.
    const openLocal = (failure?: Error, size = Number.POSITIVE_INFINITY): void => {
      if (failure !== undefined) {
        sftp.close(handle!, () => callback(failure));
        return;
      }
      fs.open(localPath, "w", (problem, descriptor) => {
        if (problem) {
          sftp.close(handle!, () => callback(problem));
          return;
        }
        const download = new Download(sftp, remotePath, handle!, descriptor, size, transfer);
        if (size <= 0) download.finish();
        else if (mode === undefined) download.start();
        else setLocalMode(localPath, descriptor, mode, () => download.start());
      });
    };
    if (fileSize === undefined) sizeOf(sftp, remotePath, handle!, openLocal);
    else openLocal(undefined, fileSize);
  });
}

/** Sets the mode of the local file. File systems without modes keep their own. */
function setLocalMode(path: string, descriptor: number, mode: number, callback: () => void): void {
  fs.fchmod(descriptor, mode, (error) => {
    if (error) fs.chmod(path, mode, () => callback());
    else callback();
  });
}

/** Bytes that are written to the disk in one call at most. */
const MOST_WRITTEN = 1024 * 1024;

/** Moves the bytes of a download. Blocks that arrive while the disk is busy are written together. */
class Download {
  readonly #sftp: SFTP;
  readonly #handle: Buffer;
  readonly #descriptor: number;
  readonly #size: number;
  readonly #callback: Callback;
  readonly #reader: BlockReader;
  readonly #steps: ReturnType<Transfer["steps"]>;
  /** Pieces that are not written yet. */
  #pieces: Bytes[] = [];
  /** Position of the next byte to write. */
  #position = 0;
  #isWriting = false;
  /** Whether the reader has passed all bytes on. */
  #isRead = false;
  #isOver = false;

  constructor(
    sftp: SFTP,
    path: string,
    handle: Buffer,
    descriptor: number,
    size: number,
    { callback, steps, limits }: Transfer,
  ) {
    this.#sftp = sftp;
    this.#handle = handle;
    this.#descriptor = descriptor;
    this.#size = size;
    this.#callback = callback;
    this.#steps = steps(size);
    const file = { handle: Uint8Array.from(handle), path };
    const sink = {
      block: (pieces: readonly Bytes[]) => this.#take(pieces),
      end: () => {
        this.#isRead = true;
        this.#write();
      },
      failed: (error: Parameters<typeof requestError>[0]) =>
        sftp._driver.settle(error, () => this.#fail(requestError(error))),
    };
    this.#reader = new BlockReader(sftp._driver, file, sink, Number.isFinite(size) ? { end: size, size } : {}, limits);
  }

  start(): void {
    this.#reader.start();
  }

  /** Closes both files, and calls back. */
  finish(): void {
    this.#isOver = true;
    fs.close(this.#descriptor, (problem) => {
      if (problem) this.#sftp.close(this.#handle, () => this.#callback(problem));
      else this.#sftp.close(this.#handle, (error) => this.#done(error));
    });
  }

  #done(error?: Error): void {
    // As in ssh2: one argument for an empty file.
    if (error !== undefined || this.#size <= 0) this.#callback(error);
    else this.#callback();
  }

  #take(pieces: readonly Bytes[]): void {
    for (const piece of pieces) this.#pieces.push(piece);
    this.#write();
  }

  #write(): void {
    if (this.#isWriting || this.#isOver) return;
    const pieces: Bytes[] = [];
    let length = 0;
    for (const piece of this.#pieces) {
      if (length > 0 && length + piece.length > MOST_WRITTEN) break;
      pieces.push(piece);
      length += piece.length;
    }
    if (length > 0) {
      this.#pieces = this.#pieces.slice(pieces.length);
      this.#isWriting = true;
      this.#writeAll(pieces, length, pieces);
    } else if (this.#isRead) {
      if (this.#position < this.#size && Number.isFinite(this.#size)) this.#fail(shortFile());
      else this.finish();
    }
  }

  /** Writes pieces, `rest` of which are not written yet. */
  #writeAll(pieces: readonly Bytes[], length: number, rest: readonly Uint8Array[]): void {
    fs.writev(this.#descriptor, rest, this.#position, (error, written) => {
      if (this.#isOver) return;
      if (error) {
        this.#fail(error);
        return;
      }
      this.#position += written;
      const left = without(rest, written);
      if (left.length > 0) {
        this.#writeAll(pieces, length, left);
        return;
      }
      this.#isWriting = false;
      freeBuffers(pieces.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength >= FREED_FROM));
      this.#reader.consumed(length);
      this.#write();
      this.#steps.reached(this.#position);
    });
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader.stop();
    fs.close(this.#descriptor, () => this.#sftp.close(this.#handle, () => this.#callback(error)));
  }
}

/** Returns pieces without their first `length` bytes. */
function without(pieces: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  let left = length;
  for (const [index, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(index + 1)];
    left -= piece.length;
  }
  return [];
}
