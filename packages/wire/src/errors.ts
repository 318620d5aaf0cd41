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

/**
 * The cause of an error:
 * - `peer`: the peer or the network violated the protocol, refused a request, or closed the connection;
 * - `unsupported`: the two sides have no common algorithm, or this build lacks a feature;
 * - `caller`: the program or its user passed an invalid value, or stopped the operation;
 * - `bug`: a bug in Nacre; please report it.
 */
export type Culprit = "peer" | "unsupported" | "caller" | "bug";

/** Culprit and SSH_MSG_DISCONNECT reason of each error code. The reason is sent if the error ends a connection. Codes are stable. */
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
  "channel-open-failed": ["peer", "BY_APPLICATION"],
  "channel-request-failed": ["peer", "BY_APPLICATION"],
  "channel-closed": ["peer", "BY_APPLICATION"],
  "window-exceeded": ["peer", "PROTOCOL_ERROR"],
  "window-overflow": ["peer", "PROTOCOL_ERROR"],
  "request-limit": ["peer", "PROTOCOL_ERROR"],
  "request-refused": ["peer", "BY_APPLICATION"],
  // Forwarding (RFC 4254 §7)
  "forward-denied": ["peer", "BY_APPLICATION"],
  "forward-unreachable": ["peer", "BY_APPLICATION"],
  "forward-unsupported": ["unsupported", "BY_APPLICATION"],
  "forward-limit": ["peer", "BY_APPLICATION"],
  "proxy-request-refused": ["peer", "BY_APPLICATION"],
  // SFTP (draft-ietf-secsh-filexfer-02 §7)
  "sftp-version": ["unsupported", "BY_APPLICATION"],
  "sftp-unsupported": ["unsupported", "BY_APPLICATION"],
  "sftp-end-of-file": ["caller", "BY_APPLICATION"],
  "sftp-no-such-file": ["caller", "BY_APPLICATION"],
  "sftp-permission-denied": ["peer", "BY_APPLICATION"],
  "sftp-failure": ["peer", "BY_APPLICATION"],
  "sftp-bad-message": ["peer", "BY_APPLICATION"],
  // Connection lifetime
  disconnected: ["peer", "BY_APPLICATION"],
  "connection-lost": ["peer", "CONNECTION_LOST"],
  "connection-failed": ["peer", "CONNECTION_LOST"],
  "connect-timeout": ["peer", "CONNECTION_LOST"],
  "gateway-refused": ["peer", "BY_APPLICATION"],
  "keepalive-timeout": ["peer", "CONNECTION_LOST"],
  closed: ["caller", "BY_APPLICATION"],
  aborted: ["caller", "BY_APPLICATION"],
  // Keys and files
  "key-malformed": ["caller", "BY_APPLICATION"],
  "key-unsupported": ["unsupported", "BY_APPLICATION"],
  "key-weak": ["caller", "BY_APPLICATION"],
  "passphrase-needed": ["caller", "BY_APPLICATION"],
  "passphrase-wrong": ["caller", "BY_APPLICATION"],
  "file-unreadable": ["caller", "BY_APPLICATION"],
  "file-malformed": ["caller", "BY_APPLICATION"],
  "agent-failed": ["peer", "BY_APPLICATION"],
  "listen-failed": ["caller", "BY_APPLICATION"],
  "output-limit": ["caller", "BY_APPLICATION"],
  // Other
  usage: ["caller", "BY_APPLICATION"],
  "not-supported-here": ["unsupported", "BY_APPLICATION"],
  internal: ["bug", "BY_APPLICATION"],
} as const;

/** Stable name of an error condition; see {@link SshError.code}. */
export type SshErrorCode = keyof typeof KINDS;

/** Every error that Nacre throws. Messages are safe to display: they contain no secrets, and text from the peer is escaped. */
export class SshError extends Error {
  /** Stable name for programs to test, such as `"host-key-changed"`. */
  readonly code: SshErrorCode;
  /** Side that caused the error. */
  readonly culprit: Culprit;

  constructor(code: SshErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "SshError";
    this.code = code;
    this.culprit = KINDS[code][0];
  }
}

/** Returns the SSH_MSG_DISCONNECT reason code for an error that ends a connection (RFC 4250 §4.2.2). */
export function disconnectReason(code: SshErrorCode): number {
  return DISCONNECT_REASON[KINDS[code][1]];
}
