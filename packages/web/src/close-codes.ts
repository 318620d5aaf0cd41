import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";

/** With this code a client leaves a WebSocket whose tunnel it attaches to another one. 1000 ends the tunnel. */
export const ABANDONED = 4430;

/** Codes of a Nacre gateway that are not `gateway-refused`, or have a remedy (RFC 6455 §7.4.2: private use). */
const MEANINGS: Readonly<Record<number, readonly [SshErrorCode, string?]>> = {
  1001: ["connection-lost"],
  4401: ["gateway-refused", "; fetch a new ticket"],
  4500: ["connection-lost"],
  4502: ["connection-failed"],
  4503: ["connection-lost"],
  4504: ["connect-timeout"],
};

/**
 * Another WebSocket may do better: after a lost connection, a failure, a restart, overload, a proxy's failure or TLS's (RFC 6455 §7.4.1, IANA), at
 * another gateway, and after a ping without an answer.
 */
const LOST: readonly number[] = [1006, 1011, 1012, 1013, 1014, 1015, 4421, ABANDONED];

/** How a WebSocket ended. */
export interface SocketEnd {
  /** Why, for everybody who expected more of it. */
  readonly error: SshError;
  /** Whether the gateway closed it as after the last byte. */
  readonly isNormal: boolean;
  /** Whether another WebSocket may do better. Otherwise the end is somebody's decision. */
  readonly isLost: boolean;
}

/** Code and reason of a close event (RFC 6455 §7.1.5, §7.1.6). */
export interface CloseEventLike {
  readonly code: number;
  /** From the gateway: any text. */
  readonly reason: string;
}

/** Returns how a WebSocket to the gateway `where` ended. */
export function socketEnd({ code, reason }: CloseEventLike, where: string): SocketEnd {
  // rule: web-close-decision
  const isLost = LOST.includes(code);
  const [errorCode, remedy = ""] = MEANINGS[code] ?? [isLost ? "connection-lost" : "gateway-refused"];
  const words = reason === "" ? "" : `: ${escapeText(reason)}`;
  const message = isLost ? `the WebSocket to ${where} was lost` : `the gateway ${where} closed the connection`;
  return {
    error: new SshError(errorCode, `${message} (close code ${code}${words})${remedy}`),
    isLost,
    isNormal: code === 1000 || code === 1005,
  };
}
