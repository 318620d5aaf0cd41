import type { Callback } from "./call.ts";
import type { SFTP } from "./sftp.ts";

/** Calls back with the size of an open file. Asks by path if the server lacks FSTAT; the error is that of FSTAT. */
export function sizeOf(sftp: SFTP, path: string, handle: Buffer, callback: Callback<[size: number | undefined]>): void {
  sftp.fstat(handle, (error, stats) => {
    if (error === undefined) {
      callback(undefined, stats!.size);
      return;
    }
    sftp.stat(path, (missing, found) => {
      if (missing === undefined) callback(undefined, found!.size);
      else callback(error);
    });
  });
}

/** Sets the mode of an open file, by path if the server lacks FSETSTAT. A server that refuses both keeps its own mode. */
export function setMode(sftp: SFTP, path: string, handle: Buffer, mode: number | string, callback: () => void): void {
  sftp.fchmod(handle, mode, (error) => {
    if (error === undefined) callback();
    else sftp.chmod(path, mode, () => callback());
  });
}
