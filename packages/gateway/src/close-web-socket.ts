import { CLOSE_KINDS, type CloseReason } from "@nacre/tunnel";
import type WebSocket from "ws";

/** Closes a WebSocket after its queued messages. `ws` destroys it if the client does not answer the close frame in time. */
export function closeWebSocket(ws: WebSocket, reason: CloseReason): void {
  // A paused WebSocket does not read the client's close frame.
  ws.resume();
  ws.close(CLOSE_KINDS[reason].code, reason);
}
