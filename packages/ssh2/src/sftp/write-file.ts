import { BlockWriter } from "@nacre/files/blocks";
import type { SshError } from "@nacre/wire";
import type { Callback } from "./call.ts";
import { type FileOptions, fileOptions } from "./file-options.ts";
import { sizeOf } from "./open-remote.ts";
import type { SFTP } from "./sftp.ts";
import { requestError } from "./status.ts";

/** Options of `writeFile` and `appendFile`. */
export type WriteFileOptions = FileOptions;

const NEW_MODE = 0o666;

/** Opens a file, writes all data and closes it. */
export function writeFile(sftp: SFTP, path: string, data: unknown, given: unknown, last: Callback | undefined): void {
  const { options, callback } = fileOptions(given, last, { encoding: "utf8", mode: NEW_MODE, flag: "w" });
  write(sftp, path, data, options.flag || "w", options, callback);
}

/** Opens a file for appending, writes all data at its end and closes it. */
export function appendFile(sftp: SFTP, path: string, data: unknown, given: unknown, last: Callback | undefined): void {
  const { options, callback } = fileOptions(given, last, { encoding: "utf8", mode: NEW_MODE, flag: "a" });
  write(sftp, path, data, options.flag || "a", options, callback);
}

function write(
  sftp: SFTP,
  path: string,
  data: unknown,
  flag: string,
  { encoding, mode }: FileOptions,
  callback: Callback = () => {},
): void {
  sftp.open(path, flag, mode as number, (error, handle) => {
    if (error !== undefined) {
      callback(error);
      return;
    }
    const isAppend = /a/.test(flag);
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(String(data), encoding || "utf8");
    const start = (failure?: Error, position = 0): void => {
      if (failure === undefined) writeAll(sftp, path, handle!, bytes, position, isAppend, callback);
      else sftp.close(handle!, () => callback(failure));
    };
    if (isAppend) sizeOf(sftp, path, handle!, start);
    else start();
  });
}

/** Writes all bytes and closes the file. */
function writeAll(
  sftp: SFTP,
  path: string,
  handle: Buffer,
  bytes: Buffer,
  position: number,
  isAppend: boolean,
  callback: Callback,
): void {
  const driver = sftp._driver;
  let rest: Uint8Array = bytes;
  const send = (): void => {
    rest = rest.subarray(writer.write(rest));
    if (rest.length > 0) return;
    writer.finish().then(
      () => sftp.close(handle, callback),
      // `failed` has the error.
      () => {},
    );
  };
  const failed = (error: SshError): void =>
    driver.settle(error, () => sftp.close(handle, () => callback(requestError(error))));
  const file = { handle: Uint8Array.from(handle), path };
  const writer = new BlockWriter(driver, file, { room: send, failed }, position, isAppend);
  send();
}
