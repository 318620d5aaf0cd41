import type { ClientMethodDriver } from "./types.ts";

/** "none": to learn which methods the server takes, or to be let in without any (RFC 4252 §5.2). */
export interface NoneState {
  readonly method: "none";
  readonly kind: "sent";
}

export function beginNone(driver: ClientMethodDriver): NoneState {
  driver.request("none", new Uint8Array(0));
  return { method: "none", kind: "sent" };
}
