import { inspect } from "node:util";

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

/** Mode of a new file. */
export const NEW_MODE = 0o666;

/**
 * Returns the options for Node's constructor, which emits no "close" of its own: it would come before the file is closed. Throws ssh2's
 * error for options of another type.
 */
export function streamOptions<T extends StreamOptions>(given: T | string | undefined): T {
  const options = typeof given === "string" ? { encoding: given } : given === undefined ? {} : given;
  if (options === null || typeof options !== "object")
    throw new TypeError('"options" argument must be a string or an object');
  // An own property of the program's object, such as a getter, stays as it is.
  return Object.assign(Object.create(options), { emitClose: false, autoDestroy: false }) as T;
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
