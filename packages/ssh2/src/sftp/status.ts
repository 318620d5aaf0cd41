import { SftpError, SSH_FX } from "@nacre/sftp";
import type { SshError } from "@nacre/wire";
import { noResponse } from "../connection.ts";
import { ssh2Error } from "../errors.ts";

/** Status codes of replies (draft-ietf-secsh-filexfer-02 §7), under ssh2's names. */
export const STATUS_CODE: {
  readonly OK: number;
  readonly EOF: number;
  readonly NO_SUCH_FILE: number;
  readonly PERMISSION_DENIED: number;
  readonly FAILURE: number;
  readonly BAD_MESSAGE: number;
  readonly NO_CONNECTION: number;
  readonly CONNECTION_LOST: number;
  readonly OP_UNSUPPORTED: number;
} = {
  OK: SSH_FX.OK,
  EOF: SSH_FX.EOF,
  NO_SUCH_FILE: SSH_FX.NO_SUCH_FILE,
  PERMISSION_DENIED: SSH_FX.PERMISSION_DENIED,
  FAILURE: SSH_FX.FAILURE,
  BAD_MESSAGE: SSH_FX.BAD_MESSAGE,
  NO_CONNECTION: SSH_FX.NO_CONNECTION,
  CONNECTION_LOST: SSH_FX.CONNECTION_LOST,
  OP_UNSUPPORTED: SSH_FX.OP_UNSUPPORTED,
};

/** Texts of statuses for which the server sends none, by code. */
const TEXTS: readonly string[] = [
  "No error",
  "End of file",
  "No such file or directory",
  "Permission denied",
  "Failure",
  "Bad message",
  "No connection",
  "Connection lost",
  "Operation unsupported",
];

/** Returns the error of a status: its code is the number, its message the text of the server. */
export function statusError(status: number, message: string): Error {
  return ssh2Error(message || TEXTS[status] || "Unknown status", { code: status });
}

/** Returns ssh2's error for a request that failed: the server's refusal, a reused handle, or the end of SFTP. */
export function requestError(error: SshError): Error {
  if (error instanceof SftpError) return statusError(error.status, error.serverMessage);
  if (error.code === "sftp-handle-reused" || error.code === "usage") return ssh2Error(error.message, { cause: error });
  return noResponse();
}

/** Returns the error of a file that has fewer bytes than its size said. */
export function shortFile(): Error {
  return ssh2Error("Unexpected end of file", { code: STATUS_CODE.EOF });
}
