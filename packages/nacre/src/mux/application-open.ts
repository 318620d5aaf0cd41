import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { leaveUncaught } from "./engine.ts";
import type { PeerOpen } from "./peer-asks.ts";

/** Hands an open of the peer to the application. An exception refuses it, and is rethrown as an uncaught one. */
export function callOpenHandler(handler: (open: PeerOpen) => void, open: PeerOpen): void {
  try {
    handler(open);
  } catch (thrown) {
    leaveUncaught(thrown);
    if (!open.answered) open.reject(CHANNEL_OPEN_FAILURE_REASON.CONNECT_FAILED, "the handler failed");
  }
}
