import type { SftpServerLimits, SftpServerRequest } from "@nacre/sftp";
import type { Overrides } from "@nacre/wire";
import type { OptionNames } from "../option-names.ts";

/** An event of an SFTP server for a log. Texts from the client are unescaped: escape them before display. */
export interface SftpServerLogEvent {
  /**
   * The file system threw an exception that has no SFTP status. The client receives SSH_FX_FAILURE with a fixed message, which contains
   * nothing of the exception.
   */
  readonly type: "failed";
  /** Type of the request. */
  readonly request: SftpServerRequest<unknown>["type"];
  /** Path in the request, or the path that its handle was opened with; `undefined` for a request without a path. */
  readonly path: string | undefined;
  /** The exception. */
  readonly error: unknown;
}

/** Options of `sftpServer`. */
export interface SftpServerSettings {
  /** Whether to deny every request that changes something, with SSH_FX_PERMISSION_DENIED; default false. */
  readonly readOnly?: boolean | undefined;
  /** Limits of one session that override the defaults: requests and bytes under way, handles, lengths. */
  readonly limits?: Overrides<SftpServerLimits> | undefined;
  /** Called with each event. Its exceptions are ignored. */
  readonly log?: ((event: SftpServerLogEvent) => void) | undefined;
}

/** Names of the options of `sftpServer`. */
export const SFTP_SERVER_OPTIONS: OptionNames<SftpServerSettings> = { readOnly: true, limits: true, log: true };
