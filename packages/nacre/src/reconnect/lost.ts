import { DISCONNECT_REASON, SshError, type SshErrorCode } from "@nacre/wire";

const { CONNECTION_LOST, BY_APPLICATION, TOO_MANY_CONNECTIONS } = DISCONNECT_REASON;

/** Reasons of a server that ends a connection and may accept the next. */
const PASSING_REASONS: readonly (number | undefined)[] = [CONNECTION_LOST, BY_APPLICATION, TOO_MANY_CONNECTIONS];

/** Codes of errors of the network, and of servers that are not up yet. */
const PASSING: readonly SshErrorCode[] = [
  "connection-lost",
  "connection-failed",
  "connect-timeout",
  "keepalive-timeout",
  "kex-timeout",
  "auth-timeout",
  // A proxy or load balancer whose server is down answers by itself.
  "not-ssh",
  "banner-limit",
  "gateway-refused",
  // Answers of a jump host.
  "forward-unreachable",
  "forward-limit",
];

/** Returns whether this error lost a connection that can be made again. Any other end is for good. */
export function isLost(error: SshError): boolean {
  return error.code === "connection-lost" || error.code === "keepalive-timeout" || isPassingDisconnect(error);
}

/** Returns whether another attempt may succeed after this one failed. */
export function isPassing(error: unknown): error is SshError {
  // rule: reconnect-final
  return error instanceof SshError && (PASSING.includes(error.code) || isPassingDisconnect(error));
}

/** Returns the error of what was pending when this one ended the connection. */
export function lossOf(error: SshError): SshError {
  if (error.code === "connection-lost" || !isLost(error)) return error;
  return new SshError("connection-lost", error.message, { cause: error });
}

function isPassingDisconnect(error: SshError): boolean {
  // The error of a jump host has the name of the host and this one as its cause.
  for (let one: unknown = error; one instanceof SshError && one.code === "disconnected"; one = one.cause)
    if (one.reasonCode !== undefined) return PASSING_REASONS.includes(one.reasonCode);
  return false;
}
