import type { IdentificationReader, Role } from "@nacre/negotiation";
import {
  type Bytes,
  codeName,
  DISCONNECT_REASON,
  type Disconnect,
  disconnectReason,
  escapeText,
  type Phase,
  SSH_MSG_DISCONNECT,
  SshError,
} from "@nacre/wire";

/** Returns the error for the peer's SSH_MSG_DISCONNECT (RFC 4253 §11.1). Its text has the description, escaped. */
export function peerDisconnected(
  peer: Role,
  { reasonCode, description }: Pick<Disconnect, "reasonCode" | "description">,
): SshError {
  const name = codeName(DISCONNECT_REASON, reasonCode);
  const reason = name === undefined ? `reason ${reasonCode}` : `reason ${reasonCode}, ${name}`;
  const error = new SshError(
    "disconnected",
    `the ${peer} ended the connection: ${/* rule: goodbye-text */ escapeText(description) || "no description"} (${reason})`,
  );
  return Object.assign(error, { reasonCode });
}

/** Returns the error for an input that ended before the peer's identification string. */
export function endedUnidentified(peer: Role, { excerpt }: IdentificationReader): SshError {
  return excerpt === undefined
    ? new SshError("connection-lost", `the ${peer} closed the connection before sending any data`)
    : new SshError("not-ssh", `the ${peer} closed the connection without identifying itself; it sent ${excerpt}`);
}

/** Returns the error for an input that ended without SSH_MSG_DISCONNECT. `buffered`: received bytes of an incomplete packet. */
export function ended(peer: Role, phase: Phase, buffered: number): SshError {
  const when = phase === "kex" ? " during the first key exchange" : "";
  const where = buffered > 0 ? "in the middle of a packet" : "without a disconnect message";
  return new SshError("connection-lost", `the ${peer} closed the connection${when}, ${where}`);
}

/**
 * Returns the error for a peer that did not complete the key exchange in time. `identifying`: reader of its identification string, if that
 * is incomplete.
 */
export function timedOut(
  peer: Role,
  identifying: IdentificationReader | undefined,
  { code, time }: { readonly code: "kex-timeout" | "connect-timeout"; readonly time: number },
): SshError {
  if (identifying === undefined)
    return new SshError(code, `the ${peer} did not complete the key exchange within ${time} ms`);
  const instead = identifying.excerpt === undefined ? "it sent nothing" : `it sent ${identifying.excerpt}`;
  return new SshError(code, `the ${peer} did not identify itself within ${time} ms; ${instead}`);
}

/**
 * Origin of the error that ends a connection. `protocol`: a protocol layer raised it because of data that the peer sent, or failed to send
 * in time. `local`: any other, such as an answer or a call of the application. Its text may hold local paths, names and decisions.
 */
export type Origin = "protocol" | "local";

/** Encodes our SSH_MSG_DISCONNECT. Sends an error's text only if it is a protocol error about the peer, else the reason in words. */
export function disconnectMessage(error: SshError, origin: Origin): Bytes {
  const reason = disconnectReason(error.code);
  const maySendText =
    /* rule: own-text-only */ origin === "protocol" && (error.culprit === "peer" || error.culprit === "unsupported");
  const description = maySendText ? error.message : reason.toLowerCase().replaceAll("_", " ");
  return SSH_MSG_DISCONNECT.encode({ reasonCode: DISCONNECT_REASON[reason], description, languageTag: "" });
}

/** Wraps an error of another class as `internal`, since it is a bug in Nacre. */
export function toSshError(error: unknown): SshError {
  if (error instanceof SshError) return error;
  return new SshError("internal", `unexpected error: ${String(error)}`, { cause: error });
}
