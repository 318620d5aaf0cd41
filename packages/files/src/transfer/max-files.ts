import { SshError } from "@nacre/wire";

/** Maximum number of files of a transfer without `maxFiles`. A hostile server may list or send files without an end. */
export const DEFAULT_MAX_FILES = 10_000_000;

/** Returns the error that ends a transfer of more files. */
export function tooManyFiles(maxFiles: number): SshError {
  return new SshError(
    "output-limit",
    `the transfer has more than ${maxFiles} files; pass a larger \`maxFiles\`, or transfer it in parts`,
  );
}
