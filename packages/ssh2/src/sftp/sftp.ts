import { checkHandle, checkRange, positionOf, rejectNullPosition } from "./arguments.ts";
import type { Callback } from "./call.ts";
import { SftpExtensions } from "./extensions.ts";
import { fastGet } from "./fast-get.ts";
import { fastPut } from "./fast-put.ts";
import { ReadStream, type ReadStreamOptions } from "./read-stream.ts";
import { ReadCall, type ReadCallback, WriteCall } from "./read-write.ts";
import type { TransferOptions } from "./transfer-options.ts";
import { appendFile, type ReadFileOptions, readFile, type WriteFileOptions, writeFile } from "./whole-file.ts";
import { WriteStream, type WriteStreamOptions } from "./write-stream.ts";

/** SFTP of a client: every method of ssh2's SFTP client. Callbacks are called in the turn of the reply. */
export class SFTP extends SftpExtensions {
  /** Reads up to `length` bytes at `position` into `buffer` from `offset` on. At the end of the file it calls back with 0 bytes. */
  read(
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback?: ReadCallback,
  ): void {
    checkHandle(handle);
    checkRange(buffer, offset, length, false);
    rejectNullPosition(position);
    const done = typeof callback === "function" ? callback : () => {};
    if (length > 0) this._sendCall(new ReadCall(this, { handle, position, buffer, offset, length }, done));
    else process.nextTick(done, undefined, 0, buffer.subarray(offset, offset), position);
  }

  /** The old name of `read`. */
  readData(...values: Parameters<SFTP["read"]>): void {
    this.read(...values);
  }

  /** Writes `length` bytes of `buffer` from `offset` on at `position`. */
  write(
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback?: Callback<[number]>,
  ): void {
    checkHandle(handle);
    checkRange(buffer, offset, length, true);
    rejectNullPosition(position);
    const done = typeof callback === "function" ? callback : () => {};
    const span = { handle, position: positionOf(position), buffer, offset, length };
    if (length > 0) this._sendCall(new WriteCall(this, span, done));
    else process.nextTick(done, undefined, 0);
  }

  /** The old name of `write`. */
  writeData(...values: Parameters<SFTP["write"]>): void {
    this.write(...values);
  }

  /** Downloads a file with many requests in flight. */
  fastGet(remotePath: string, localPath: string, options: TransferOptions | Callback, callback?: Callback): void {
    fastGet(this, remotePath, localPath, options, callback);
  }

  /** Uploads a file with many requests in flight. */
  fastPut(localPath: string, remotePath: string, options: TransferOptions | Callback, callback?: Callback): void {
    fastPut(this, localPath, remotePath, options, callback);
  }

  /** Reads a whole file. */
  readFile(
    path: string,
    options?: ReadFileOptions | string | null | Callback<[Buffer | string]>,
    callback?: Callback<[Buffer | string]>,
  ): void {
    readFile(this, path, options, callback);
  }

  /** Replaces the contents of a file. */
  writeFile(
    path: string,
    data: Buffer | string,
    options?: WriteFileOptions | string | null | Callback,
    callback?: Callback,
  ): void {
    writeFile(this, path, data, options, callback);
  }

  /** Writes at the end of a file. */
  appendFile(
    path: string,
    data: Buffer | string,
    options?: WriteFileOptions | string | null | Callback,
    callback?: Callback,
  ): void {
    appendFile(this, path, data, options, callback);
  }

  /** Calls back with whether `stat` succeeds. */
  exists(path: string, callback?: (exists: boolean) => void): void {
    this.stat(path, (error) => callback?.(error === undefined));
  }

  createReadStream(path: string, options?: ReadStreamOptions | string): ReadStream {
    return new ReadStream(this, path, options);
  }

  createWriteStream(path: string, options?: WriteStreamOptions | string): WriteStream {
    return new WriteStream(this, path, options);
  }
}

/** Methods of a server's SFTP, which throw here as in ssh2. */
for (const name of ["handle", "status", "data", "name", "attrs"])
  Object.defineProperty(SFTP.prototype, name, {
    value() {
      throw new Error("Server-only method called in client mode");
    },
    writable: true,
    configurable: true,
  });
