import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";

/** Close code for a WebSocket that the client replaces. Code 1000 would end the tunnel. */
export const ABANDONED = 4430;

/** Error codes of the close codes of a Nacre gateway that are not `gateway-refused` (RFC 6455 §7.4.2: private use). */
const MEANINGS: Readonly<Record<number, SshErrorCode>> = {
  1001: "connection-lost",
  4500: "connection-lost",
  4502: "connection-failed",
  4503: "connection-lost",
  4504: "connect-timeout",
};

/**
 * Close codes of a lost WebSocket (RFC 6455 §7.4.1, IANA). They stand for a lost connection, a failure, a restart, overload, a proxy or TLS
 * failure, or an unanswered ping. 4421, a tunnel of another address, is final: a client always attaches at the address that the tunnel was
 * opened with, so the gateway there was replaced.
 */
const LOST: readonly number[] = [1006, 1011, 1012, 1013, 1014, 1015, ABANDONED];

/** Describes how a WebSocket ended. */
export interface SocketEnd {
  /** Error for operations that the end interrupts. Its cause is the close event. */
  readonly error: SshError;
  /** Whether the gateway closed the WebSocket normally: code 1000 or no code (1005). */
  readonly isNormal: boolean;
  /** Whether another WebSocket may succeed. If false, the gateway closed the connection deliberately. */
  readonly isLost: boolean;
}

/** Code and reason of a close event (RFC 6455 §7.1.5, §7.1.6). */
export interface CloseEventLike {
  readonly code: number;
  /** Untrusted text from the gateway. */
  readonly reason: string;
}

/** Classifies the close event of a WebSocket to the gateway `where`. */
export function socketEnd(event: CloseEventLike, where: string): SocketEnd {
  const { code, reason } = event;
  // rule: web-close-decision
  const isLost = LOST.includes(code);
  const errorCode = MEANINGS[code] ?? (isLost ? "connection-lost" : "gateway-refused");
  const remedy = code === 4401 ? "; fetch a new ticket" : "";
  const words = reason === "" ? "" : `: ${escapeText(reason)}`;
  const message = isLost ? `the WebSocket to ${where} was lost` : `the gateway ${where} closed the connection`;
  // A first message that came too late, and too many WebSockets without one, end no tunnel.
  const isUnused = code === 4408 || code === 4429;
  return {
    error: new SshError(errorCode, `${message} (close code ${code}${words})${remedy}`, { cause: event }),
    isLost: isLost || isUnused,
    isNormal: code === 1000 || code === 1005,
  };
}
