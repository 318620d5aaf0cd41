import * as fs from "node:fs";
import { BlockWriter } from "@nacre/files/blocks";
import type { SshError } from "@nacre/wire";
import type { Callback } from "./call.ts";
import { setMode } from "./open-remote.ts";
import type { SFTP } from "./sftp.ts";
import { requestError, shortFile } from "./status.ts";
import { readTransfer, type Transfer, type TransferOptions } from "./transfer-options.ts";

/** Uploads a file: opens both, sets the mode, moves the bytes, closes the remote file, then the local one. */
export function fastPut(
  sftp: SFTP,
  localPath: string,
  remotePath: string,
  given: TransferOptions | Callback,
  last: Callback | undefined,
): void {
  const transfer = readTransfer(given, last);
  const { callback, fileSize, mode } = transfer;
  fs.open(localPath, "r", (problem, descriptor) => {
    if (problem) {
      callback(problem);
      return;
    }
    const fail = (error: Error): void => fs.close(descriptor, () => callback(error));
    const openRemote = (error: Error | null, stats: { readonly size: number }): void => {
      if (error) {
        fail(error);
        return;
      }
      sftp.open(remotePath, "w", (refusal, handle) => {
        if (refusal !== undefined) {
          fail(refusal);
          return;
        }
        const upload = new Upload(sftp, remotePath, handle!, descriptor, stats.size, transfer);
        if (stats.size <= 0) upload.finish();
        else if (mode === undefined) upload.start();
        else setMode(sftp, remotePath, handle!, mode, () => upload.start());
      });
    };
    if (fileSize === undefined) fs.fstat(descriptor, openRemote);
    else openRemote(null, { size: fileSize });
  });
}

/** Bytes that are read from the disk in one call, rounded down to whole blocks. */
const READ_LENGTH = 512 * 1024;

/** Moves the bytes of an upload. Reads the next bytes of the disk while the last ones are sent. */
class Upload {
  readonly #sftp: SFTP;
  readonly #handle: Buffer;
  readonly #descriptor: number;
  readonly #size: number;
  readonly #callback: Callback;
  readonly #writer: BlockWriter;
  readonly #steps: ReturnType<Transfer["steps"]>;
  readonly #readLength: number;
  /** Memory for the disk, free to be read into. */
  #free: Buffer[] = [];
  /** Bytes read from the disk. The writer has not taken `rest` yet. */
  #read: { readonly memory: Buffer; rest: Buffer }[] = [];
  /** Position of the next byte to read. */
  #position = 0;
  #isReading = false;
  #isFinishing = false;
  /** Whether a write has failed, or all is over. */
  #isStopped = false;
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
    const { maxBlockLength = Number.POSITIVE_INFINITY } = limits;
    const block = Math.min(sftp._driver.machine.serverLimits.maxWriteLength, maxBlockLength);
    this.#readLength = Math.min(block * Math.max(1, Math.floor(READ_LENGTH / block)), size);
    const source = {
      room: () => this.#send(),
      failed: (error: SshError) => this.#failRequest(error),
      written: () => this.#steps.reached(this.#writer.written),
    };
    const file = { handle: Uint8Array.from(handle), path };
    this.#writer = new BlockWriter(sftp._driver, file, source, 0, false, limits);
  }

  start(): void {
    this.#free = [Buffer.allocUnsafeSlow(this.#readLength), Buffer.allocUnsafeSlow(this.#readLength)];
    this.#fill();
  }

  /** Closes both files, and calls back. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isStopped = true;
    this.#sftp.close(this.#handle, (error) => {
      fs.close(this.#descriptor, (problem) => {
        this.#done(error ?? problem ?? undefined);
      });
    });
  }

  #done(error?: Error): void {
    // As in ssh2: one argument for an empty file.
    if (error !== undefined || this.#size <= 0) this.#callback(error);
    else this.#callback();
  }

  /** Reads from the disk while there is memory. */
  #fill(): void {
    const memory = this.#free.at(-1);
    const length = Math.min(this.#size - this.#position, this.#readLength);
    if (memory === undefined || length === 0 || this.#isReading || this.#isStopped) return;
    this.#free.pop();
    this.#isReading = true;
    fs.read(this.#descriptor, memory, 0, length, this.#position, (error, read) => {
      this.#isReading = false;
      if (this.#isStopped) return;
      if (error || read === 0) {
        this.#fail(error ?? shortFile());
        return;
      }
      this.#position += read;
      this.#read.push({ memory, rest: memory.subarray(0, read) });
      this.#send();
      this.#fill();
    });
  }

  /** Passes bytes to the writer until it takes no more. */
  #send(): void {
    for (let first = this.#read[0]; first !== undefined && !this.#isStopped; first = this.#read[0]) {
      first.rest = first.rest.subarray(this.#writer.write(first.rest));
      if (first.rest.length > 0) return;
      this.#read.shift();
      this.#free.push(first.memory);
      this.#fill();
    }
    const isAllTaken = this.#position === this.#size && this.#read.length === 0;
    if (!isAllTaken || this.#isFinishing || this.#isStopped) return;
    this.#isFinishing = true;
    this.#writer.finish().then(
      () => this.finish(),
      // `failed` of the source has the error.
      () => {},
    );
  }

  #failRequest(error: SshError): void {
    this.#isStopped = true;
    this.#sftp._driver.settle(error, () => this.#fail(requestError(error)));
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isStopped = true;
    this.#writer.stop();
    this.#sftp.close(this.#handle, () => fs.close(this.#descriptor, () => this.#callback(error)));
  }
}
