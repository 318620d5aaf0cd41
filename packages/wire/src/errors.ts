/** Reason codes of SSH_MSG_DISCONNECT (RFC 4250 §4.2.2). */
export const DISCONNECT_REASON = {
  HOST_NOT_ALLOWED_TO_CONNECT: 1,
  PROTOCOL_ERROR: 2,
  KEY_EXCHANGE_FAILED: 3,
  MAC_ERROR: 5,
  COMPRESSION_ERROR: 6,
  SERVICE_NOT_AVAILABLE: 7,
  PROTOCOL_VERSION_NOT_SUPPORTED: 8,
  HOST_KEY_NOT_VERIFIABLE: 9,
  CONNECTION_LOST: 10,
  BY_APPLICATION: 11,
  TOO_MANY_CONNECTIONS: 12,
  AUTH_CANCELLED_BY_USER: 13,
  NO_MORE_AUTH_METHODS_AVAILABLE: 14,
  ILLEGAL_USER_NAME: 15,
} as const;

/** Returns the name of a code in a table such as `DISCONNECT_REASON`; `undefined` for an unknown code. */
export function codeName(codes: Readonly<Record<string, number>>, code: number): string | undefined {
  return Object.keys(codes).find((name) => codes[name] === code);
}

/**
 * The cause of an error:
 * - `peer`: the peer or the network violated the protocol, refused a request, or closed the connection;
 * - `unsupported`: the two sides have no common algorithm, or this build lacks a feature;
 * - `caller`: the program or its user passed an invalid value, or stopped the operation;
 * - `bug`: a bug in Nacre; please report it.
 */
export type Culprit = "peer" | "unsupported" | "caller" | "bug";

type Kind = readonly [culprit: Culprit, reason?: keyof typeof DISCONNECT_REASON];

/**
 * Culprit and SSH_MSG_DISCONNECT reason of each error code; without a reason, BY_APPLICATION. The reason is sent if the error ends a
 * connection. Codes are stable.
 */
const KINDS = {
  // Identification (RFC 4253 §4.2)
  "not-ssh": ["peer", "PROTOCOL_ERROR"],
  "banner-limit": ["peer", "PROTOCOL_ERROR"],
  "protocol-version": ["unsupported", "PROTOCOL_VERSION_NOT_SUPPORTED"],
  // Packets and messages (RFC 4253 §6, RFC 4251 §5)
  "packet-length": ["peer", "PROTOCOL_ERROR"],
  "packet-padding": ["peer", "PROTOCOL_ERROR"],
  "mac-mismatch": ["peer", "MAC_ERROR"],
  "malformed-message": ["peer", "PROTOCOL_ERROR"],
  "unexpected-message": ["peer", "PROTOCOL_ERROR"],
  "sequence-exhausted": ["peer", "PROTOCOL_ERROR"],
  // Key exchange (RFC 4253 §7)
  "no-common-algorithm": ["unsupported", "KEY_EXCHANGE_FAILED"],
  "strict-kex-required": ["unsupported", "KEY_EXCHANGE_FAILED"],
  "kex-failed": ["peer", "KEY_EXCHANGE_FAILED"],
  "kex-timeout": ["peer", "KEY_EXCHANGE_FAILED"],
  "bad-signature": ["peer", "KEY_EXCHANGE_FAILED"],
  "host-key-unknown": ["caller", "HOST_KEY_NOT_VERIFIABLE"],
  "host-key-changed": ["peer", "HOST_KEY_NOT_VERIFIABLE"],
  "host-key-revoked": ["peer", "HOST_KEY_NOT_VERIFIABLE"],
  "host-key-refused": ["caller", "HOST_KEY_NOT_VERIFIABLE"],
  "rekey-flood": ["peer", "PROTOCOL_ERROR"],
  // Authentication (RFC 4252)
  "service-unavailable": ["peer", "SERVICE_NOT_AVAILABLE"],
  "auth-failed": ["caller", "NO_MORE_AUTH_METHODS_AVAILABLE"],
  "auth-timeout": ["peer", "CONNECTION_LOST"],
  "auth-cancelled": ["caller", "AUTH_CANCELLED_BY_USER"],
  "auth-limit": ["peer", "NO_MORE_AUTH_METHODS_AVAILABLE"],
  // Connection (RFC 4254)
  "channel-unknown": ["peer", "PROTOCOL_ERROR"],
  "channel-limit": ["peer", "PROTOCOL_ERROR"],
  "channel-open-failed": ["peer"],
  "channel-request-failed": ["peer"],
  "channel-closed": ["peer"],
  "channel-idle": ["caller"],
  "window-exceeded": ["peer", "PROTOCOL_ERROR"],
  "window-overflow": ["peer", "PROTOCOL_ERROR"],
  "request-limit": ["peer", "PROTOCOL_ERROR"],
  "request-refused": ["peer"],
  // Forwarding (RFC 4254 §7)
  "forward-denied": ["peer"],
  "forward-unreachable": ["peer"],
  "forward-unsupported": ["unsupported"],
  "forward-limit": ["peer"],
  "proxy-request-refused": ["peer"],
  // SFTP (draft-ietf-secsh-filexfer-02 §7)
  "sftp-version": ["unsupported"],
  "sftp-unsupported": ["unsupported"],
  "sftp-end-of-file": ["caller"],
  "sftp-no-such-file": ["caller"],
  "sftp-permission-denied": ["peer"],
  "sftp-failure": ["peer"],
  "sftp-bad-message": ["peer"],
  "sftp-handle-reused": ["peer"],
  // scp, which has no specification
  "scp-failure": ["peer"],
  // Connection lifetime
  disconnected: ["peer"],
  "connection-lost": ["peer", "CONNECTION_LOST"],
  "connection-failed": ["peer", "CONNECTION_LOST"],
  "connect-timeout": ["peer", "CONNECTION_LOST"],
  "gateway-refused": ["peer"],
  "keepalive-timeout": ["peer", "CONNECTION_LOST"],
  closed: ["caller"],
  aborted: ["caller"],
  // Keys and files
  "key-malformed": ["caller"],
  "key-unsupported": ["unsupported"],
  "key-weak": ["caller"],
  "passphrase-needed": ["caller"],
  "passphrase-wrong": ["caller"],
  "file-unreadable": ["caller"],
  "file-unwritable": ["caller"],
  "file-malformed": ["caller"],
  "agent-failed": ["peer"],
  "listen-failed": ["caller"],
  "output-limit": ["caller"],
  // Other
  usage: ["caller"],
  "not-supported-here": ["unsupported"],
  internal: ["bug"],
} as const;

/** Stable name of an error condition; see {@link SshError.code}. */
export type SshErrorCode = keyof typeof KINDS;

/** Every error that Nacre throws. Messages are safe to display: they contain no secrets, and text from the peer is escaped. */
export class SshError extends Error {
  /** Stable name for programs to test, such as `"host-key-changed"`. */
  readonly code: SshErrorCode;
  /** Side that caused the error. */
  readonly culprit: Culprit;
  /** Reason code of the peer's SSH_MSG_DISCONNECT (RFC 4253 §11.1), of errors with the code `disconnected`. */
  declare readonly reasonCode?: number;

  constructor(code: SshErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "SshError";
    this.code = code;
    this.culprit = KINDS[code][0];
  }
}

/** Returns the name of the SSH_MSG_DISCONNECT reason for an error that ends a connection (RFC 4250 §4.2.2). */
export function disconnectReason(code: SshErrorCode): keyof typeof DISCONNECT_REASON {
  const [, reason = "BY_APPLICATION"]: Kind = KINDS[code];
  return reason;
}
