import { CLOSE_KINDS, type CloseReason } from "@nacre/tunnel";
import type WebSocket from "ws";

/** Closes a WebSocket after what was sent to it. `ws` destroys it if the client does not answer in time. */
export function closeWebSocket(ws: WebSocket, reason: CloseReason): void {
  // A paused one would not see the answer.
  ws.resume();
  ws.close(CLOSE_KINDS[reason].code, reason);
}
