import type { ClientMethodHost } from "./types.ts";

/**
 * The "none" method (RFC 4252 §5.2). It tells the client which methods the server accepts, unless the server admits the user without any.
 */
export interface NoneState {
  readonly method: "none";
  readonly kind: "sent";
}

export function beginNone(host: ClientMethodHost): NoneState {
  host.request("none", new Uint8Array(0));
  return { method: "none", kind: "sent" };
}
