import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { leaveUncaught } from "./engine.ts";
import type { PeerGlobalRequest, PeerOpen } from "./peer-asks.ts";

/** Calls an application's handler. Its exceptions are rethrown as uncaught exceptions, so that the connection continues. */
export function uncaught(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    leaveUncaught(thrown);
  }
}

/** Passes an open of the peer to the application. An exception refuses the open and is rethrown as an uncaught exception. */
export function callOpenHandler(handler: (open: PeerOpen) => void, open: PeerOpen): void {
  try {
    handler(open);
  } catch (thrown) {
    leaveUncaught(thrown);
    if (!open.answered) open.reject(CHANNEL_OPEN_FAILURE_REASON.CONNECT_FAILED, "the handler failed");
  }
}

/** Passes a global request of the peer to the application. An exception refuses the request and is rethrown as an uncaught exception. */
export function callRequestHandler(handler: (request: PeerGlobalRequest) => void, request: PeerGlobalRequest): void {
  try {
    handler(request);
  } catch (thrown) {
    leaveUncaught(thrown);
    if (!request.answered) request.reply(false);
  }
}
