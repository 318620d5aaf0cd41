import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";
import { SSH_FX } from "./constants.ts";

/** The failed call of an `SftpError`. */
export interface FailedCall {
  /** Name of the call: `"open"`. */
  readonly call?: string | undefined;
  /** Path that the call names, as `decodePath` returns it. */
  readonly path?: string | undefined;
  /** What to do, if more is known than the status says. Default: general advice for the status. */
  readonly remedy?: string | undefined;
}

/** A request that the server refused: `SshError` with the server's status. */
export class SftpError extends SshError {
  /** Status code of the server; see `SSH_FX`. Servers may send others. */
  readonly status: number;
  /** Message of the server; empty if it sent none. Raw text: escape it before display. */
  readonly serverMessage: string;
  /** Name of the failed call, if known. */
  readonly call: string | undefined;
  /** Path that the call names, if known. */
  readonly path: string | undefined;

  /** `status` and `message` are the fields of SSH_FXP_STATUS. The code follows from the status. */
  constructor(status: number, message: string, { call, path, remedy }: FailedCall = {}) {
    const { code, summary, remedy: advice } = describe(status, call);
    const subject = [call, path === undefined ? undefined : `"${path}"`].filter((word) => word !== undefined).join(" ");
    const said = message === "" || message.toLowerCase() === summary ? "" : ` (the server says "${message}")`;
    super(code, escapeText(`${subject === "" ? "" : `${subject}: `}${summary}${said}; ${remedy ?? advice}`));
    this.name = "SftpError";
    this.status = status;
    this.serverMessage = message;
    this.call = call;
    this.path = path;
  }
}

interface Description {
  readonly code: SshErrorCode;
  /** The error in lower case, as OpenSSH's server words it. */
  readonly summary: string;
  readonly remedy: string;
}

/** Advice for a call that fails with SSH_FX_FAILURE, for which servers give no reason. */
const FAILURE_REMEDIES: Readonly<Record<string, string>> = {
  mkdir: "the path may exist, or the disk be full",
  rmdir: "the directory may not be empty",
  read: "it may be a directory",
  unlink: "it may be a directory",
  rename: "the new path may exist, or be on another file system",
  link: "the new path may exist, or be on another file system",
  symlink: "the path of the link may exist",
};

/** Calls that make a new file, whose directory may be missing. */
const MAKING: ReadonlySet<string> = new Set([
  "upload",
  "mkdir",
  "writeFile",
  "appendFile",
  "rename",
  "copyFile",
  "symlink",
  "link",
]);

function describe(status: number, call: string | undefined): Description {
  switch (status) {
    case SSH_FX.EOF:
      return { code: "sftp-end-of-file", summary: "end of file", remedy: "read less, or treat it as the end" };
    case SSH_FX.NO_SUCH_FILE:
      return {
        code: "sftp-no-such-file",
        summary: "no such file",
        remedy: MAKING.has(call ?? "") ? "check the path and its directory" : "check the path",
      };
    case SSH_FX.PERMISSION_DENIED:
      return {
        code: "sftp-permission-denied",
        summary: "permission denied",
        remedy: "check the user's rights on the server",
      };
    case SSH_FX.BAD_MESSAGE:
      return {
        code: "sftp-bad-message",
        summary: "bad message",
        remedy: "the server does not understand this request; try another one",
      };
    case SSH_FX.OP_UNSUPPORTED:
      return {
        code: "sftp-unsupported",
        summary: "operation unsupported",
        remedy: "the server lacks this operation; do without it",
      };
    case SSH_FX.FAILURE:
      return {
        code: "sftp-failure",
        summary: "failure",
        remedy:
          FAILURE_REMEDIES[call ?? ""] ??
          "common causes are an existing file, a full disk, or a directory that is not empty",
      };
    default:
      return { code: "sftp-failure", summary: `status ${status}`, remedy: "see the server's documentation or log" };
  }
}
