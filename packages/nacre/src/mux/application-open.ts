import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { leaveUncaught } from "./engine.ts";
import type { PeerOpen } from "./peer-asks.ts";

/** Passes an open of the peer to the application. An exception refuses the open and is rethrown as an uncaught exception. */
export function callOpenHandler(handler: (open: PeerOpen) => void, open: PeerOpen): void {
  try {
    handler(open);
  } catch (thrown) {
    leaveUncaught(thrown);
    if (!open.answered) open.reject(CHANNEL_OPEN_FAILURE_REASON.CONNECT_FAILED, "the handler failed");
  }
}
