import { BlockReader, copyPieces } from "@nacre/files/blocks";
import type { Bytes } from "@nacre/wire";
import type { Callback } from "./call.ts";
import { type FileOptions, fileOptions } from "./file-options.ts";
import { sizeOf } from "./open-remote.ts";
import type { SFTP } from "./sftp.ts";
import { requestError } from "./status.ts";

/** Options of `readFile`. */
export type ReadFileOptions = Pick<FileOptions, "encoding" | "flag">;

/** Mode of a file that `readFile` creates, with flags that create one. */
const NEW_MODE = 0o666;

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
  sftp.open(path, options.flag || "r", NEW_MODE, (error, handle) => {
    if (error !== undefined) {
      callback(error);
      return;
    }
    sizeOf(sftp, path, handle!, (failure, size = 0) => {
      if (failure !== undefined) {
        sftp.close(handle!, () => callback(failure));
        return;
      }
      readAll(sftp, path, handle!, size, (problem, contents) => {
        sftp.close(handle!, (closing) => {
          if (problem !== undefined) callback(problem);
          else withText(contents!, encoding, (unreadable, value) => callback(unreadable ?? closing, value));
        });
      });
    });
  });
}

/** Decodes the bytes if there is an encoding. Node throws if the text is too long for a string. */
function withText(bytes: Buffer, encoding: FileOptions["encoding"], done: Callback<[Buffer | string]>): void {
  let value: Buffer | string;
  try {
    value = encoding ? bytes.toString(encoding) : bytes;
  } catch (error) {
    done(error as Error);
    return;
  }
  done(undefined, value);
}

function readAll(sftp: SFTP, path: string, handle: Buffer, size: number, callback: Callback<[Buffer]>): void {
  const driver = sftp._driver;
  const whole = size <= TRUSTED_SIZE ? Buffer.allocUnsafe(size) : undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = new BlockReader(
    driver,
    { handle: Uint8Array.from(handle), path },
    {
      block(pieces: readonly Bytes[], added) {
        if (whole !== undefined && length + added <= whole.length) copyPieces(pieces, whole.subarray(length));
        else parts.push(...pieces);
        length += added;
        reader.consumed(added);
      },
      end() {
        if (whole === undefined || parts.length > 0) callback(undefined, Buffer.concat(parts, length));
        else callback(undefined, length === whole.length ? whole : whole.subarray(0, length));
      },
      failed: (error) => driver.settle(error, () => callback(requestError(error))),
    },
    size === 0 ? { size } : { end: size, size },
  );
  reader.start();
}
