import { SSH_FX } from "@nacre/sftp";

/**
 * Status and text for each of Node's error codes. The statuses are those of OpenSSH's server, which has only `FAILURE` for EROFS, ENOTSUP
 * and EOPNOTSUPP.
 */
const FAILURES: Readonly<Record<FileErrorCode, readonly [status: number, text: string]>> = {
  ENOENT: [SSH_FX.NO_SUCH_FILE, "No such file or directory"],
  ENOTDIR: [SSH_FX.NO_SUCH_FILE, "Not a directory"],
  ELOOP: [SSH_FX.NO_SUCH_FILE, "Too many symbolic links"],
  EBADF: [SSH_FX.NO_SUCH_FILE, "Bad file descriptor"],
  EACCES: [SSH_FX.PERMISSION_DENIED, "Permission denied"],
  EPERM: [SSH_FX.PERMISSION_DENIED, "Operation not permitted"],
  EROFS: [SSH_FX.PERMISSION_DENIED, "Read-only file system"],
  EEXIST: [SSH_FX.FAILURE, "File exists"],
  EISDIR: [SSH_FX.FAILURE, "Is a directory"],
  ENOTEMPTY: [SSH_FX.FAILURE, "Directory not empty"],
  EBUSY: [SSH_FX.FAILURE, "Device or resource busy"],
  EXDEV: [SSH_FX.FAILURE, "Cross-device link"],
  ENOSPC: [SSH_FX.FAILURE, "No space left on device"],
  EDQUOT: [SSH_FX.FAILURE, "Disk quota exceeded"],
  EFBIG: [SSH_FX.FAILURE, "File too large"],
  EMLINK: [SSH_FX.FAILURE, "Too many links"],
  EMFILE: [SSH_FX.FAILURE, "Too many open files"],
  ENFILE: [SSH_FX.FAILURE, "Too many open files"],
  ETXTBSY: [SSH_FX.FAILURE, "Text file busy"],
  EIO: [SSH_FX.FAILURE, "Input/output error"],
  EINVAL: [SSH_FX.BAD_MESSAGE, "Invalid argument"],
  ENAMETOOLONG: [SSH_FX.BAD_MESSAGE, "File name too long"],
  ENOSYS: [SSH_FX.OP_UNSUPPORTED, "Operation unsupported"],
  ENOTSUP: [SSH_FX.OP_UNSUPPORTED, "Operation unsupported"],
  EOPNOTSUPP: [SSH_FX.OP_UNSUPPORTED, "Operation unsupported"],
};

/** Codes of Node's errors that an SFTP server reports to the client. */
export type FileErrorCode =
  | "ENOENT"
  | "ENOTDIR"
  | "ELOOP"
  | "EBADF"
  | "EACCES"
  | "EPERM"
  | "EROFS"
  | "EEXIST"
  | "EISDIR"
  | "ENOTEMPTY"
  | "EBUSY"
  | "EXDEV"
  | "ENOSPC"
  | "EDQUOT"
  | "EFBIG"
  | "EMLINK"
  | "EMFILE"
  | "ENFILE"
  | "ETXTBSY"
  | "EIO"
  | "EINVAL"
  | "ENAMETOOLONG"
  | "ENOSYS"
  | "ENOTSUP"
  | "EOPNOTSUPP";

/** An error that a `FileSystem` reports to the client. Errors of Node's file system do the same, because they have the same codes. */
export class FileSystemError extends Error {
  override readonly name: string = "FileSystemError";
  /** Node's code for the error. */
  readonly code: FileErrorCode;

  constructor(code: FileErrorCode) {
    super(`${code}: ${FAILURES[code][1]}`);
    this.code = code;
  }
}

/** Status and message of a refused request. */
export interface Refusal {
  /** A status of `SSH_FX`. */
  readonly status: number;
  /** Text for the client. It depends on the code alone, so it contains no path or other text of the server. */
  readonly message: string;
}

/** Returns the refusal for an exception of a file system, or `undefined` if it has no known code. */
export function refusalOf(error: unknown): Refusal | undefined {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  if (typeof code !== "string" || !Object.hasOwn(FAILURES, code)) return undefined;
  const [status, message] = FAILURES[code as FileErrorCode];
  return { status, message };
}
