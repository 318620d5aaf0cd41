import * as fs from "node:fs";
import type { BlockWriter } from "@nacre/files/blocks";
import { callProgram } from "../call-program.ts";
import type { Callback } from "./call.ts";
import { type FileSource, RemoteFile } from "./remote-file.ts";
import type { SFTP } from "./sftp.ts";
import { shortFile } from "./status.ts";
import { Transfer, type TransferFiles } from "./transfer.ts";
import { type TransferOptions, type TransferSettings, transferSettings } from "./transfer-options.ts";

/** Uploads a file: opens both, sets the mode, moves the bytes, closes the remote file, then the local one. */
export function fastPut(
  sftp: SFTP,
  localPath: string,
  remotePath: string,
  given: TransferOptions | Callback,
  last: Callback | undefined,
): void {
  const settings = transferSettings(given, last);
  const { callback, fileSize } = settings;
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
      const remote = new RemoteFile(sftp, remotePath);
      remote.open("w", undefined, (refusal) => {
        if (refusal !== undefined) fail(refusal);
        else new Upload(sftp, { remote, localPath, descriptor, size: stats.size }, settings).start();
      });
    };
    if (fileSize === undefined) fs.fstat(descriptor, openRemote);
    else openRemote(null, { size: fileSize });
  });
}

/** Bytes that are read from the disk in one call, rounded down to whole blocks. */
const READ_LENGTH = 512 * 1024;

/** Moves the bytes of an upload. Reads the next bytes of the disk while the last ones are sent. */
class Upload extends Transfer {
  readonly #writer: BlockWriter;
  readonly #readLength: number;
  /** Memory for the disk, free to be read into. */
  #free: Buffer[] = [];
  /** Bytes read from the disk. The writer has not taken `rest` yet. */
  #read: { readonly memory: Buffer; rest: Buffer }[] = [];
  /** Position of the next byte to read. */
  #position = 0;

  constructor(sftp: SFTP, files: TransferFiles, settings: TransferSettings) {
    super(files, settings);
    const { limits } = settings;
    const block = Math.min(
      sftp._driver.machine.serverLimits.maxWriteLength,
      limits.maxBlockLength ?? Number.POSITIVE_INFINITY,
    );
    this.#readLength = Math.min(block * Math.max(1, Math.floor(READ_LENGTH / block)), files.size);
    const source: FileSource = {
      room: () => this.#send(),
      written: () => {
        callProgram(sftp._client, () => this.progress.reached(this.#writer.written));
      },
      stopped: () => {
        this.phase = "stopped";
      },
      failed: (error) => this.fail(error),
    };
    this.#writer = files.remote.writer(source, 0, false, limits);
  }

  protected override setMode(mode: number, callback: () => void): void {
    this.files.remote.setMode(mode, callback);
  }

  protected override move(): void {
    this.#free = [Buffer.allocUnsafeSlow(this.#readLength), Buffer.allocUnsafeSlow(this.#readLength)];
    this.#fill();
  }

  protected override stop(): void {
    this.#writer.stop();
  }

  protected override close(callback: (error?: Error) => void): void {
    const { remote, descriptor } = this.files;
    remote.close((error) => fs.close(descriptor, (problem) => callback(error ?? problem ?? undefined)));
  }

  /** Reads from the disk while there is memory. */
  #fill(): void {
    const memory = this.#free.at(-1);
    const length = Math.min(this.files.size - this.#position, this.#readLength);
    if (memory === undefined || length === 0 || this.isDiskBusy || this.phase !== "moving") return;
    this.#free.pop();
    this.diskStarted();
    fs.read(this.files.descriptor, memory, 0, length, this.#position, (error, read) => {
      this.diskEnded();
      if (this.phase !== "moving") return;
      if (error || read === 0) {
        this.fail(error ?? shortFile());
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
    for (let first = this.#read[0]; first !== undefined && this.phase === "moving"; first = this.#read[0]) {
      first.rest = first.rest.subarray(this.#writer.write(first.rest));
      if (first.rest.length > 0) return;
      this.#read.shift();
      this.#free.push(first.memory);
      this.#fill();
    }
    if (this.phase !== "moving" || this.#position < this.files.size || this.#read.length > 0) return;
    this.phase = "draining";
    this.#writer.finish().then(
      () => this.finish(),
      // `failed` of the source has the error.
      () => {},
    );
  }
}
