import type { SftpServerLimits } from "@nacre/sftp";
import type { Overrides } from "@nacre/wire";
import { type OptionRows, usage } from "nacre/extend";
import { SFTP_REQUEST_TYPES, type SftpRequestType } from "./requests.ts";

/** An event of an SFTP server for a log. Texts from the client are unescaped: escape them before display. */
export interface SftpServerLogEvent {
  /**
   * The file system threw an exception that has no SFTP status. The client receives SSH_FX_FAILURE with a fixed message, without
   * anything of the exception.
   */
  readonly type: "failed";
  /** Type of the request. */
  readonly request: SftpRequestType;
  /** Path in the request, or the path that its handle was opened with; `undefined` for a request without a path. */
  readonly path: string | undefined;
  /** The exception. */
  readonly error: unknown;
}

/** A request that was answered. Texts from the client are unescaped: escape them before display. */
export interface SftpRequestEvent {
  /** Type of the request. */
  readonly request: SftpRequestType;
  /** Path in the request, or the path that its handle was opened with; `undefined` for a request without a path. */
  readonly path: string | undefined;
  /** New path of a rename or hard link, or the text of a new symbolic link. */
  readonly otherPath: string | undefined;
  /** Why the request was refused, as the client reads it; `undefined` if it succeeded or ended a read or listing. */
  readonly refusal: string | undefined;
}

/** Options of `sftpServer`. */
export interface SftpServerSettings {
  /** Whether to deny every request that changes something, with SSH_FX_PERMISSION_DENIED; default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * Types of requests that are allowed; others are denied with SSH_FX_PERMISSION_DENIED. "close" always is. Default: all, as
   * `SFTP_REQUEST_TYPES` names them.
   */
  readonly allowRequests?: readonly SftpRequestType[] | undefined;
  /** Types of requests that are denied, also if `allowRequests` has them; default none. */
  readonly denyRequests?: readonly SftpRequestType[] | undefined;
  /** Limits of one session that override the defaults: pending requests and bytes, handles, lengths. */
  readonly limits?: Overrides<SftpServerLimits> | undefined;
  /** Called with each event. Its exceptions are ignored. */
  readonly log?: ((event: SftpServerLogEvent) => void) | undefined;
  /** Called after each request. Its exceptions are ignored. */
  readonly onRequest?: ((event: SftpRequestEvent) => void) | undefined;
}

/** Names of the options of `sftpServer`. */
export const SFTP_SERVER_OPTIONS: OptionRows<SftpServerSettings> = {
  readOnly: true,
  allowRequests: true,
  denyRequests: true,
  limits: true,
  log: true,
  onRequest: true,
};

/** Returns a function that returns whether requests of a type are permitted. Throws `usage` for an unknown type. */
export function requestPermit({
  allowRequests = SFTP_REQUEST_TYPES,
  denyRequests = [],
}: Pick<SftpServerSettings, "allowRequests" | "denyRequests">): (type: SftpRequestType) => boolean {
  for (const [name, list] of Object.entries({ allowRequests, denyRequests }))
    for (const type of list)
      if (!SFTP_REQUEST_TYPES.includes(type))
        throw usage(`unknown request type "${type}" in \`${name}\`; expected one of ${SFTP_REQUEST_TYPES.join(", ")}`);
  const permitted = new Set(allowRequests.filter((type) => !denyRequests.includes(type)));
  // Without its close, a file would stay open.
  return (type) => type === "close" || permitted.has(type);
}
