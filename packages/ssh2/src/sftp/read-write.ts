import { copyPieces } from "@nacre/files/blocks";
import { positionOf } from "./arguments.ts";
import type { SftpBase } from "./base.ts";
import { type Answer, Call, type Callback } from "./call.ts";
import { STATUS_CODE } from "./status.ts";

/** Callback of `read`: number of bytes, the part of the buffer that has them, position of the last request. */
export type ReadCallback = Callback<[bytesRead: number, buffer: Buffer, position: number]>;

/** Bytes of a file, from `position` on, and their place in a buffer. */
export interface Span {
  readonly handle: Buffer;
  readonly position: number;
  readonly buffer: Buffer;
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads up to `length` bytes into a buffer. A read beyond the server's limit is followed by another while each is answered in full. At the
 * end of the file it calls back with fewer bytes, or none.
 */
export class ReadCall extends Call {
  readonly #sftp: SftpBase;
  readonly #span: Span;
  readonly #callback: ReadCallback;
  /** Position of the current request, as the program gave it for the first. */
  #position: number;
  /** Number of bytes read by the earlier requests. */
  #before = 0;
  /** Length of the current request. */
  #requested: number;

  constructor(sftp: SftpBase, span: Span, callback: ReadCallback) {
    const { handle, position } = span;
    const length = Math.min(span.length, sftp._maxReadLen);
    super(sftp._driver, sftp._debug, { type: "read", handle, offset: positionOf(position), length }, callback as never);
    this.#sftp = sftp;
    this.#span = span;
    this.#callback = callback;
    this.#position = position;
    this.#requested = length;
  }

  override answered(answer: Answer): void {
    const isEnd = answer.type === "status" && answer.status === STATUS_CODE.EOF;
    if (answer.type !== "data" && !isEnd) {
      super.answered(answer);
      return;
    }
    this.debugAnswer(answer);
    const { buffer, offset, length } = this.#span;
    let read = this.#before;
    if (answer.type === "data") {
      copyPieces(answer.pieces, buffer.subarray(offset + read));
      read += answer.length;
      if (answer.length === this.#requested && read < length) {
        this.#goOn(read);
        return;
      }
    }
    this.#callback(undefined, read, buffer.subarray(offset, offset + read), this.#position);
  }

  #goOn(read: number): void {
    const { handle, length } = this.#span;
    this.#position = positionOf(this.#position) + this.#requested;
    this.#before = read;
    this.#requested = Math.min(length - read, this.#sftp._maxReadLen);
    this.request = { type: "read", handle, offset: this.#position, length: this.#requested };
    this.#sftp._sendCall(this);
  }
}

/** Writes bytes of a buffer, one request after the other if they are beyond the server's limit. */
export class WriteCall extends Call {
  readonly #sftp: SftpBase;
  readonly #span: Span;
  readonly #callback: Callback<[number]>;
  /** First byte of the buffer that is not requested yet. */
  #next: number;

  constructor(sftp: SftpBase, span: Span, callback: Callback<[number]>) {
    const { handle, position, buffer, offset, length } = span;
    const next = offset + Math.min(length, sftp._maxWriteLen);
    const data = buffer.subarray(offset, next);
    super(sftp._driver, sftp._debug, { type: "write", handle, offset: position, data }, callback as never);
    this.#sftp = sftp;
    this.#span = span;
    this.#callback = callback;
    this.#next = next;
  }

  override answered(answer: Answer): void {
    if (answer.type !== "status" || answer.status !== STATUS_CODE.OK) {
      super.answered(answer);
      return;
    }
    this.debugAnswer(answer);
    const { handle, position, buffer, offset, length } = this.#span;
    const from = this.#next;
    const end = offset + length;
    if (from === end) {
      // ssh2 passes the end of the range in the buffer.
      this.#callback(undefined, end);
      return;
    }
    this.#next = Math.min(end, from + this.#sftp._maxWriteLen);
    const data = buffer.subarray(from, this.#next);
    this.request = { type: "write", handle, offset: position + from - offset, data };
    this.#sftp._sendCall(this);
  }
}
