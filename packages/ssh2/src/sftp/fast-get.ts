import * as fs from "node:fs";
import type { BlockReader } from "@nacre/files/blocks";
import type { Bytes } from "@nacre/wire";
import { FREED_FROM, freeBuffers } from "nacre/extend";
import type { Callback } from "./call.ts";
import { type FileSink, RemoteFile } from "./remote-file.ts";
import type { SFTP } from "./sftp.ts";
import { shortFile } from "./status.ts";
import { Transfer, type TransferFiles } from "./transfer.ts";
import { type TransferOptions, type TransferSettings, transferSettings } from "./transfer-options.ts";

/** Downloads a file: opens both, sets the mode, moves the bytes, closes the local file, then the remote one. */
export function fastGet(
  sftp: SFTP,
  remotePath: string,
  localPath: string,
  given: TransferOptions | Callback,
  last: Callback | undefined,
): void {
  const settings = transferSettings(given, last);
  const { callback, fileSize } = settings;
  const remote = new RemoteFile(sftp, remotePath);
  remote.open("r", undefined, (error) => {
    if (error !== undefined) {
      callback(error);
      return;
    }
    const fail = (failure: Error): void => remote.close(() => callback(failure));
    // Without a size, the file is read to its end.
    const openLocal = (failure?: Error, size = Number.POSITIVE_INFINITY): void => {
      if (failure !== undefined) {
        fail(failure);
        return;
      }
      fs.open(localPath, "w", (problem, descriptor) => {
        if (problem) fail(problem);
        else new Download({ remote, localPath, descriptor, size }, settings).start();
      });
    };
    if (fileSize === undefined) remote.size(openLocal);
    else openLocal(undefined, fileSize);
  });
}

/** Bytes that are written to the disk in one call at most. */
const MOST_WRITTEN = 1024 * 1024;

/** Moves the bytes of a download. Blocks that arrive while the disk is busy are written together. */
class Download extends Transfer {
  readonly #reader: BlockReader;
  /** Pieces that are not written yet. */
  #pieces: Bytes[] = [];
  /** Position of the next byte to write. */
  #position = 0;

  constructor(files: TransferFiles, settings: TransferSettings) {
    super(files, settings);
    const { remote, size } = files;
    const sink: FileSink = {
      block: (pieces) => this.#take(pieces),
      end: () => {
        this.phase = "draining";
        this.#write();
      },
      failed: (error) => this.fail(error),
    };
    this.#reader = remote.reader(sink, Number.isFinite(size) ? { end: size, size } : {}, settings.limits);
  }

  /** File systems without modes keep their own. */
  protected override setMode(mode: number, callback: () => void): void {
    const { descriptor, localPath } = this.files;
    fs.fchmod(descriptor, mode, (error) => {
      if (error) fs.chmod(localPath, mode, () => callback());
      else callback();
    });
  }

  protected override move(): void {
    this.#reader.start();
  }

  protected override stop(): void {
    this.#reader.stop();
  }

  protected override close(callback: (error?: Error) => void): void {
    fs.close(this.files.descriptor, (problem) => this.files.remote.close((error) => callback(problem ?? error)));
  }

  #take(pieces: readonly Bytes[]): void {
    for (const piece of pieces) this.#pieces.push(piece);
    this.#write();
  }

  #write(): void {
    if (this.isDiskBusy || this.phase === "over") return;
    const pieces: Bytes[] = [];
    let length = 0;
    for (const piece of this.#pieces) {
      if (length > 0 && length + piece.length > MOST_WRITTEN) break;
      pieces.push(piece);
      length += piece.length;
    }
    if (length > 0) {
      this.#pieces = this.#pieces.slice(pieces.length);
      this.#writeAll(pieces, length, pieces);
    } else if (this.phase === "draining") {
      const { size } = this.files;
      if (this.#position < size && Number.isFinite(size)) this.fail(shortFile());
      else this.finish();
    }
  }

  /** Writes pieces, `rest` of which are not written yet. */
  #writeAll(pieces: readonly Bytes[], length: number, rest: readonly Uint8Array[]): void {
    this.diskStarted();
    fs.writev(this.files.descriptor, rest, this.#position, (error, written) => {
      this.diskEnded();
      if (this.phase === "over") return;
      if (error) {
        this.fail(error);
        return;
      }
      this.#position += written;
      const left = without(rest, written);
      if (left.length > 0) {
        this.#writeAll(pieces, length, left);
        return;
      }
      freeBuffers(pieces.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength >= FREED_FROM));
      this.#reader.consumed(length);
      this.#write();
      this.progress.reached(this.#position);
    });
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
