import { copyPieces } from "@nacre/files/blocks";
import { NEW_MODE } from "./attributes.ts";
import type { Callback } from "./call.ts";
import { RemoteFile } from "./remote-file.ts";
import type { SFTP } from "./sftp.ts";

/** Options of `writeFile` and `appendFile`. */
export interface WriteFileOptions {
  readonly encoding?: BufferEncoding | null | undefined;
  readonly flag?: string | undefined;
  /** Mode of a new file. */
  readonly mode?: number | string | undefined;
}

/** Options of `readFile`. */
export type ReadFileOptions = Pick<WriteFileOptions, "encoding" | "flag">;

/** Largest size for which memory is taken before the bytes have arrived. A server may state any size. */
const TRUSTED_SIZE = 256 * 1024 * 1024;

/** Reads a file up to the size that it has when it is opened. A file of size 0 is read to its end, because files in /proc report 0. */
export function readFile(
  sftp: SFTP,
  path: string,
  given: unknown,
  last: Callback<[Buffer | string]> | undefined,
): void {
  const { options, callback = () => {} } = fileOptions(given, last, { encoding: null, flag: "r" });
  const { encoding } = options;
  const file = new RemoteFile(sftp, path);
  // The mode is for flags that create a file.
  file.open(options.flag || "r", NEW_MODE, (error) => {
    if (error !== undefined) {
      callback(error);
      return;
    }
    const fail = (failure: Error): void => file.close(() => callback(failure));
    file.size((unknown, size = 0) => {
      if (unknown !== undefined) {
        fail(unknown);
        return;
      }
      readAll(file, size, fail, (contents) =>
        file.close((closing) =>
          withText(contents, encoding, (unreadable, value) => callback(unreadable ?? closing, value)),
        ),
      );
    });
  });
}

/** Opens a file, writes all data and closes it. */
export function writeFile(sftp: SFTP, path: string, data: unknown, given: unknown, last: Callback | undefined): void {
  const { options, callback } = fileOptions(given, last, { encoding: "utf8", mode: NEW_MODE, flag: "w" });
  write(new RemoteFile(sftp, path), data, options.flag || "w", options, callback);
}

/** Opens a file for appending, writes all data at its end and closes it. */
export function appendFile(sftp: SFTP, path: string, data: unknown, given: unknown, last: Callback | undefined): void {
  const { options, callback } = fileOptions(given, last, { encoding: "utf8", mode: NEW_MODE, flag: "a" });
  write(new RemoteFile(sftp, path), data, options.flag || "a", options, callback);
}

/** Returns options and callback of a method that takes options, the name of an encoding, or neither. Throws ssh2's errors. */
function fileOptions<C extends Callback<never[]>>(
  given: unknown,
  last: C | undefined,
  defaults: WriteFileOptions,
): { readonly options: WriteFileOptions; readonly callback: C | undefined } {
  const callback = typeof last === "function" ? last : typeof given === "function" ? (given as C) : undefined;
  const value = typeof last !== "function" && typeof given === "function" ? undefined : given;
  if (typeof value === "string")
    return { options: checked({ ...defaults, encoding: value as BufferEncoding }), callback };
  if (!value) return { options: defaults, callback };
  if (typeof value !== "object") throw new TypeError("Bad arguments");
  return { options: checked(value), callback };
}

function checked(options: WriteFileOptions): WriteFileOptions {
  const { encoding } = options;
  if (encoding && !Buffer.isEncoding(encoding)) throw new Error(`Unknown encoding: ${String(encoding)}`);
  return options;
}

/** Decodes the bytes if there is an encoding. Node throws if the text is too long for a string. */
function withText(bytes: Buffer, encoding: WriteFileOptions["encoding"], done: Callback<[Buffer | string]>): void {
  let value: Buffer | string;
  try {
    value = encoding ? bytes.toString(encoding) : bytes;
  } catch (error) {
    done(error as Error);
    return;
  }
  done(undefined, value);
}

function readAll(file: RemoteFile, size: number, failed: (error: Error) => void, done: (bytes: Buffer) => void): void {
  const whole = size <= TRUSTED_SIZE ? Buffer.allocUnsafe(size) : undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = file.reader(
    {
      block(pieces, added) {
        if (whole !== undefined && length + added <= whole.length) copyPieces(pieces, whole.subarray(length));
        else parts.push(...pieces);
        length += added;
        reader.consumed(added);
      },
      end() {
        if (whole === undefined || parts.length > 0) done(Buffer.concat(parts, length));
        else done(length === whole.length ? whole : whole.subarray(0, length));
      },
      failed,
    },
    size === 0 ? { size } : { end: size, size },
  );
  reader.start();
}

function write(
  file: RemoteFile,
  data: unknown,
  flag: string,
  { encoding, mode }: WriteFileOptions,
  callback: Callback = () => {},
): void {
  file.open(flag, mode, (error) => {
    if (error !== undefined) {
      callback(error);
      return;
    }
    const isAppend = /a/.test(flag);
    const fail = (failure: Error): void => file.close(() => callback(failure));
    const start = (failure?: Error, position = 0): void => {
      if (failure !== undefined) {
        fail(failure);
        return;
      }
      const bytes = Buffer.isBuffer(data) ? data : Buffer.from(String(data), encoding || "utf8");
      writeAll(file, bytes, position, isAppend, fail, () => file.close(callback));
    };
    if (isAppend) file.size(start);
    else start();
  });
}

function writeAll(
  file: RemoteFile,
  bytes: Buffer,
  position: number,
  isAppend: boolean,
  failed: (error: Error) => void,
  done: () => void,
): void {
  let rest: Uint8Array = bytes;
  const send = (): void => {
    rest = rest.subarray(writer.write(rest));
    if (rest.length > 0) return;
    writer.finish().then(
      done,
      // `failed` has the error.
      () => {},
    );
  };
  const writer = file.writer({ room: send, failed }, position, isAppend);
  send();
}
