import type { IdentificationReader, Role } from "@nacre/negotiation";
import {
  type Bytes,
  DISCONNECT_REASON,
  type Disconnect,
  disconnectReason,
  escapeText,
  type Phase,
  SSH_MSG_DISCONNECT,
  SshError,
} from "@nacre/wire";

const REASON_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DISCONNECT_REASON).map(([name, code]) => [code, name]),
);

/** The error that stands for the peer's SSH_MSG_DISCONNECT (RFC 4253 §11.1). Its text is escaped, and cut. */
export function peerDisconnected(peer: Role, { reasonCode, description }: Disconnect): SshError {
  const name = REASON_NAMES.get(reasonCode);
  const reason = name === undefined ? `reason ${reasonCode}` : `reason ${reasonCode}, ${name}`;
  const cut = description.length > 500 ? `${description.slice(0, 500)}…` : description;
  return new SshError(
    "disconnected",
    `The ${peer} ended the connection: ${/* rule: goodbye-text */ escapeText(cut) || "no text"} (${reason})`,
  );
}

/** The peer's bytes ended before it identified itself. */
export function endedUnidentified(peer: Role, { excerpt }: IdentificationReader): SshError {
  return excerpt === undefined
    ? new SshError("connection-lost", `The ${peer} closed the connection before it said anything`)
    : new SshError("not-ssh", `The ${peer} closed the connection without identifying itself. It sent ${excerpt}`);
}

/** The peer's bytes ended without an SSH_MSG_DISCONNECT. `buffered`: bytes that were no whole packet. */
export function ended(peer: Role, phase: Phase, buffered: number): SshError {
  const when = phase === "kex" ? " during the first key exchange" : "";
  const where = buffered > 0 ? "in the middle of a packet" : "without a disconnect message";
  return new SshError("connection-lost", `The ${peer} closed the connection${when}, ${where}`);
}

/** `kexTimeout` (milliseconds) is over and the peer has not identified itself. */
export function unidentifiedInTime(peer: Role, { excerpt }: IdentificationReader, kexTimeout: number): SshError {
  const instead = excerpt === undefined ? "It sent nothing" : `It sent ${excerpt}`;
  return new SshError("kex-timeout", `The ${peer} did not identify itself in ${kexTimeout} ms. ${instead}`);
}

/**
 * Where the error that ends a connection comes from. `protocol`: the protocol layers made it about what the peer sent, or did not send
 * in time. `local`: anything else, such as an answer of the application or a command; its text may hold paths, names and decisions.
 */
export type Origin = "protocol" | "local";

/** Descriptions for the peer in SSH_MSG_DISCONNECT, in place of an error's own text. */
const DESCRIPTIONS: ReadonlyMap<number, string> = new Map([
  [DISCONNECT_REASON.PROTOCOL_ERROR, "protocol error"],
  [DISCONNECT_REASON.KEY_EXCHANGE_FAILED, "key exchange failed"],
  [DISCONNECT_REASON.MAC_ERROR, "MAC error"],
  [DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, "service not available"],
  [DISCONNECT_REASON.PROTOCOL_VERSION_NOT_SUPPORTED, "protocol version not supported"],
  [DISCONNECT_REASON.HOST_KEY_NOT_VERIFIABLE, "host key not accepted"],
  [DISCONNECT_REASON.CONNECTION_LOST, "timed out"],
  [DISCONNECT_REASON.BY_APPLICATION, "closed"],
  [DISCONNECT_REASON.AUTH_CANCELLED_BY_USER, "authentication cancelled"],
  [DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE, "no more authentication methods"],
]);

/** Our own SSH_MSG_DISCONNECT. Only text of the protocol layers about the peer leaves; for all else there is one text per reason. */
export function goodbye(error: SshError, origin: Origin): Bytes {
  const reasonCode = disconnectReason(error.code);
  const isTellable =
    /* rule: own-text-only */ origin === "protocol" && (error.culprit === "peer" || error.culprit === "unsupported");
  const description = isTellable ? error.message : (DESCRIPTIONS.get(reasonCode) ?? "");
  return SSH_MSG_DISCONNECT.encode({ reasonCode, description, languageTag: "" });
}

/** Wraps an error of another class as `internal`: it is a bug of ours, and ends the connection. */
export function toSshError(error: unknown): SshError {
  if (error instanceof SshError) return error;
  return new SshError("internal", `Unexpected failure: ${String(error)}`, { cause: error });
}
