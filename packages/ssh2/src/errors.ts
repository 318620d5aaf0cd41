/** The part of a connection that an error comes from, in ssh2's words. */
export type ErrorLevel =
  | "client-authentication"
  | "client-socket"
  | "client-timeout"
  | "client-dns"
  | "handshake"
  | "protocol"
  | "socket"
  | "sftp-protocol"
  | "agent";

/** An error with the fields that users of ssh2 read. */
export interface Ssh2Error extends Error {
  level?: ErrorLevel;
  /** Code of the system, reason of a disconnect, or status of an SFTP reply. */
  code?: string | number;
  /** Reason of a refused channel (RFC 4254 §5.1). */
  reason?: number;
}

/** Returns an error with these fields. */
export function ssh2Error(message: string, fields: Omit<Ssh2Error, "name" | "message" | "stack"> = {}): Ssh2Error {
  const { cause, ...others } = fields;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  return Object.assign(error, others);
}
