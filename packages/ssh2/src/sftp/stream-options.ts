import type { Readable, Writable } from "node:stream";
import { inspect } from "node:util";
import { programReturned } from "../call-program.ts";
import type { RemoteFile } from "./remote-file.ts";
import type { SFTP } from "./sftp.ts";

/** Options of both streams. */
export interface StreamOptions {
  readonly flags?: string | undefined;
  readonly encoding?: BufferEncoding | null | undefined;
  /** Handle of an open file; without it the stream opens `path`. */
  readonly handle?: Buffer | undefined;
  /** Mode of a new file; default 0o666. */
  readonly mode?: number | string | undefined;
  /** Whether the file is closed at the end, and after an error; default true. */
  readonly autoClose?: boolean | undefined;
  /** Position of the first byte. */
  readonly start?: number | undefined;
  readonly highWaterMark?: number | undefined;
}

/** Returns the options of a stream. Text is the name of an encoding. Throws ssh2's error for options of another type. */
export function streamOptions<T extends StreamOptions>(given: T | string | undefined): T {
  const options = typeof given === "string" ? { encoding: given } : given === undefined ? {} : given;
  if (options === null || typeof options !== "object")
    throw new TypeError('"options" argument must be a string or an object');
  return options as T;
}

/** A `ReadStream` or `WriteStream`. */
type FileStream = (Readable | Writable) & { isClosed: boolean; handle: Buffer | null; readonly sftp: SFTP };

/**
 * Calls the program for a stream. If the program throws, the connection ends. The stream then closes without the errors of its requests,
 * which would be uncaught exceptions if it has no listener for them.
 */
export function callFromStream(stream: FileStream, call: () => void): void {
  if (programReturned(stream.sftp._client, call)) return;
  stream.handle = null;
  stream.destroy();
}

/**
 * Closes the file of a stream that is destroyed, then emits "close" unless something failed. As in ssh2, the file stays open if the program
 * has set `handle` to null.
 */
export function closeFile(
  stream: FileStream,
  file: RemoteFile,
  error: Error | null,
  callback: (error?: Error | null) => void,
): void {
  if (file.handle !== null && !stream.handle) file.release();
  file.close((closing) => {
    stream.handle = null;
    const failure = closing ?? error;
    callback(failure);
    stream.isClosed = true;
    if (!failure) stream.emit("close");
  });
  // A file that is being opened keeps its handle until it is closed.
  if (file.handle === null) stream.handle = null;
}

/** Throws ssh2's errors if a position is not an integer from 0 to 2^53 - 1. */
export function checkFilePosition(position: unknown, name: string): void {
  if (typeof position !== "number")
    throw new TypeError(`The "${name}" argument must be of type number. Received type ${typeof position}`);
  if (!Number.isInteger(position)) throw outOfRange(name, "an integer", position);
  if (!Number.isSafeInteger(position) || position < 0) throw outOfRange(name, ">= 0 and <= 2 ** 53 - 1", position);
}

/** Returns the error of a value out of range, with long integers in groups of three digits. */
export function outOfRange(name: string, range: string, value: number): RangeError {
  const isLong = Number.isInteger(value) && Math.abs(value) > 2 ** 32;
  const received = isLong ? String(value).replace(/\B(?=(?:\d{3})+$)/g, "_") : inspect(value);
  return new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${received}`);
}
