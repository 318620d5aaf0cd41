import { copyPieces } from "@nacre/files/blocks";
import { positionOf } from "./arguments.ts";
import type { SftpBase } from "./base.ts";
import { type Answer, Call, type Callback } from "./call.ts";
import { STATUS_CODE } from "./status.ts";

/** Callback of `read`: number of bytes, the part of the buffer that has them, position of the last request. */
export type ReadCallback = Callback<[bytesRead: number, buffer: Buffer, position: number]>;

/** Sends the request of a call. */
export type SendCall = (call: Call) => void;

/**
 * Reads up to `length` bytes into a buffer. A read beyond the server's limit is followed by another while each is answered in full. At the
 * end of the file it calls back with fewer bytes, or none.
 */
export class ReadCall extends Call {
  readonly #sftp: SftpBase;
  readonly #sendCall: SendCall;
  readonly #handle: Buffer;
  readonly #buffer: Buffer;
  readonly #offset: number;
  readonly #length: number;
  readonly #callback: ReadCallback;
  /** Position of the current request. */
  #position: number;
  /** Number of bytes read by the earlier requests. */
  #before = 0;
  /** Length of the current request. */
  #requested: number;

  constructor(
    sftp: SftpBase,
    sendCall: SendCall,
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: ReadCallback,
  ) {
    const requested = Math.min(length, sftp._maxReadLen);
    super(
      sftp._driver,
      sftp._debug,
      { type: "read", handle, offset: positionOf(position), length: requested },
      callback as never,
    );
    this.#sftp = sftp;
    this.#sendCall = sendCall;
    this.#handle = handle;
    this.#buffer = buffer;
    this.#offset = offset;
    this.#length = length;
    this.#callback = callback;
    this.#position = position;
    this.#requested = requested;
  }

  override answered(answer: Answer): void {
    const isEnd = answer.type === "status" && answer.status === STATUS_CODE.EOF;
    if (answer.type !== "data" && !isEnd) {
      super.answered(answer);
      return;
    }
    this.debugAnswer(answer);
    let read = this.#before;
    if (answer.type === "data") {
      copyPieces(answer.pieces, this.#buffer.subarray(this.#offset + read));
      read += answer.length;
      if (answer.length === this.#requested && read < this.#length) {
        this.#goOn(read);
        return;
      }
    }
    this.#callback(undefined, read, this.#buffer.subarray(this.#offset, this.#offset + read), this.#position);
  }

  #goOn(read: number): void {
    this.#position = positionOf(this.#position) + this.#requested;
    this.#before = read;
    this.#requested = Math.min(this.#length - read, this.#sftp._maxReadLen);
    this.request = { type: "read", handle: this.#handle, offset: this.#position, length: this.#requested };
    this.#sendCall(this);
  }
}

/** Writes bytes of a buffer, one request after the other if they are beyond the server's limit. */
export class WriteCall extends Call {
  readonly #sftp: SftpBase;
  readonly #sendCall: SendCall;
  readonly #handle: Buffer;
  readonly #buffer: Buffer;
  readonly #callback: Callback<[number]>;
  readonly #end: number;
  readonly #start: number;
  readonly #position: number;
  /** First byte of the buffer that is not requested yet. */
  #next: number;

  constructor(
    sftp: SftpBase,
    sendCall: SendCall,
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: Callback<[number]>,
  ) {
    const end = offset + length;
    const next = Math.min(end, offset + sftp._maxWriteLen);
    super(
      sftp._driver,
      sftp._debug,
      { type: "write", handle, offset: position, data: buffer.subarray(offset, next) },
      callback as (error?: Error) => void,
    );
    this.#sftp = sftp;
    this.#sendCall = sendCall;
    this.#handle = handle;
    this.#buffer = buffer;
    this.#callback = callback;
    this.#start = offset;
    this.#end = end;
    this.#position = position;
    this.#next = next;
  }

  override answered(answer: Answer): void {
    if (answer.type !== "status" || answer.status !== STATUS_CODE.OK) {
      super.answered(answer);
      return;
    }
    this.debugAnswer(answer);
    const [from, end] = [this.#next, this.#end];
    if (from === end) {
      // ssh2 passes the end of the range in the buffer.
      this.#callback(undefined, end);
      return;
    }
    this.#next = Math.min(end, from + this.#sftp._maxWriteLen);
    this.request = {
      type: "write",
      handle: this.#handle,
      offset: this.#position + from - this.#start,
      data: this.#buffer.subarray(from, this.#next),
    };
    this.#sendCall(this);
  }
}
