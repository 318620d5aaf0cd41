import type { SshError, SshErrorCode } from "@nacre/wire";
import { DISCONNECT_REASON_BY_VALUE } from "./constants.ts";
import { type ErrorLevel, type Ssh2Error, ssh2Error } from "./errors.ts";

/** Report of a connection that ended with an error of Nacre, in ssh2's words. */
export interface ConnectionErrorRow {
  readonly level: ErrorLevel;
  /** Message of ssh2. Without it, the error's own message is used. */
  readonly message?: string | ((error: SshError) => string | undefined);
}

const DENIED: ConnectionErrorRow = { level: "handshake", message: "Host denied (verification failed)" };
const LATE: ConnectionErrorRow = { level: "client-timeout", message: "Timed out while waiting for handshake" };
const OTHER: ConnectionErrorRow = { level: "protocol" };

/**
 * Level and message of a connection's error, by the code of the `SshError` that caused it. Other codes get the level "protocol" and Nacre's
 * message, because ssh2's texts for them depend on its parser.
 */
export const CONNECTION_ERRORS: Readonly<Partial<Record<SshErrorCode, ConnectionErrorRow>>> = {
  "banner-limit": { level: "protocol", message: greetingMessage },
  "protocol-version": { level: "protocol", message: "Invalid identification string" },
  "packet-length": { level: "protocol", message: "Bad packet length" },
  "mac-mismatch": { level: "protocol", message: "Invalid MAC" },
  "no-common-algorithm": { level: "handshake", message: mismatchMessage },
  "strict-kex-required": { level: "handshake" },
  "kex-failed": { level: "handshake" },
  "kex-timeout": LATE,
  "bad-signature": { level: "handshake", message: "Handshake failed: signature verification failed" },
  "host-key-unknown": DENIED,
  "host-key-changed": DENIED,
  "host-key-revoked": DENIED,
  "host-key-refused": DENIED,
  "auth-failed": { level: "client-authentication", message: "All configured authentication methods failed" },
  "auth-timeout": LATE,
  "auth-cancelled": { level: "client-authentication" },
  "auth-limit": { level: "client-authentication" },
  "service-unavailable": { level: "client-authentication" },
  "keepalive-timeout": { level: "client-timeout", message: "Keepalive timeout" },
};

/** Returns the event "error" of a connection for the `SshError` that ended it, which is its `cause`. */
export function connectionError(error: SshError): Ssh2Error {
  const { level, message } = CONNECTION_ERRORS[error.code] ?? OTHER;
  const text = typeof message === "function" ? message(error) : message;
  return Object.assign(ssh2Error(text ?? error.message, { level, cause: error }), { fatal: true });
}

/** Returns the text of a disconnect (RFC 4253 §11.1): the peer's, and without one ssh2's name of the reason. */
export function disconnectText(reason: number, description: string): string {
  return description || (DISCONNECT_REASON_BY_VALUE[reason] ?? `Unexpected disconnection reason: ${reason}`);
}

/** Lists of the key exchange, as messages of Nacre and of ssh2 name them. */
const LISTS: readonly (readonly [own: string, ssh2: string])[] = [
  ["key exchange method", "key exchange algorithm"],
  ["host key algorithm", "host key format"],
  ["cipher from client to server", "C->S cipher"],
  ["cipher from server to client", "S->C cipher"],
  ["MAC from client to server", "C->S MAC"],
  ["MAC from server to client", "S->C MAC"],
  ["compression from client to server", "C->S compression"],
  ["compression from server to client", "S->C compression"],
];

function mismatchMessage({ message }: SshError): string | undefined {
  const list = LISTS.find(([own]) => message.startsWith(`no common ${own}:`));
  return list && `Handshake failed: no matching ${list[1]}`;
}

function greetingMessage({ message }: SshError): string {
  return message.includes("longer than") ? "Header line too long" : "Max greeting lines exceeded";
}
