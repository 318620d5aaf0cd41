import type { ClientDriver } from "./types.ts";

/** "none": to learn which methods the server takes, or to be let in without any (RFC 4252 §5.2). */
export interface NoneState {
  readonly method: "none";
  readonly step: "sent";
}

export function beginNone(driver: ClientDriver): NoneState {
  driver.request("none", new Uint8Array(0));
  return { method: "none", step: "sent" };
}
