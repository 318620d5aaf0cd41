/** Action that a client may take after a gateway closed its WebSocket: stop, open a new tunnel later, or attach to its tunnel again. */
export type AfterClose = "give-up" | "open-later" | "attach";

/** Reason for which a gateway closes a WebSocket. */
export interface CloseKind {
  /** Close code in the private-use range, except 1000 and 1001 (RFC 6455 §7.4.2). */
  readonly code: number;
  readonly after: AfterClose;
  /** Human-readable text that completes "the gateway closed the connection: …". */
  readonly text: string;
}

/** Reason in the close frame of a gateway. */
export type CloseReason =
  | "finished"
  | "shutdown"
  | "protocol-error"
  | "ticket-refused"
  | "destination-refused"
  | "tunnel-unknown"
  | "proof-refused"
  | "first-message-timeout"
  | "displaced"
  | "resume-elsewhere"
  | "too-many"
  | "unresponsive"
  | "idle-timeout"
  | "time-limit"
  | "byte-limit"
  | "gateway-failed"
  | "destination-unreachable"
  | "destination-lost"
  | "destination-timeout";

// Lets bundlers drop an unused CLOSE_KINDS.
// @__NO_SIDE_EFFECTS__
const kind = (code: number, after: AfterClose, text: string): CloseKind => ({ code, after, text });

/** Close kinds of a gateway, in addition to the codes of RFC 6455 §7.4.1. The key is the reason in the close frame. */
export const CLOSE_KINDS: Readonly<Record<CloseReason, CloseKind>> = {
  /** Both directions ended and all bytes were delivered. */
  finished: kind(1000, "give-up", "both directions have ended"),
  shutdown: kind(1001, "open-later", "the gateway shuts down"),
  "protocol-error": kind(4400, "give-up", "a tunnel message was invalid"),
  "ticket-refused": kind(4401, "give-up", "the ticket is missing, used, expired, or was issued for something else"),
  "destination-refused": kind(4403, "give-up", "the gateway does not allow this destination"),
  "tunnel-unknown": kind(4404, "give-up", "the tunnel has ended or was never there"),
  "proof-refused": kind(4405, "give-up", "the proof for the tunnel was wrong"),
  "first-message-timeout": kind(4408, "open-later", "the first message did not come in time"),
  displaced: kind(4409, "give-up", "another connection carries the tunnel now"),
  "resume-elsewhere": kind(
    4421,
    "give-up",
    "the tunnel was opened at another address, and is gone if it was attached there",
  ),
  "too-many": kind(4429, "open-later", "too many connections"),
  unresponsive: kind(4430, "attach", "no answer to a ping in time"),
  "idle-timeout": kind(4431, "give-up", "no bytes were moved for too long"),
  "time-limit": kind(4432, "give-up", "the connection has reached its longest time"),
  "byte-limit": kind(4433, "give-up", "the connection has moved its most bytes"),
  "gateway-failed": kind(4500, "open-later", "the gateway failed"),
  "destination-unreachable": kind(4502, "open-later", "the destination cannot be reached"),
  "destination-lost": kind(4503, "give-up", "the destination ended the connection"),
  "destination-timeout": kind(4504, "open-later", "the destination did not answer in time"),
};

/** Returns the reason for a close code, or `undefined` if gateways do not use the code. */
export function closeReason(code: number): CloseReason | undefined {
  return (Object.keys(CLOSE_KINDS) as CloseReason[]).find((name) => CLOSE_KINDS[name].code === code);
}
