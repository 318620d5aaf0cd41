import type { ClientTunnel, TunnelEvent } from "@nacre/tunnel";
import type { MessageSocket } from "./message-socket.ts";

/** Event that completes a tunnel handshake. */
export type HandshakeResult = Extract<TunnelEvent, { type: "opened" | "attached" }>;

/**
 * Opens or attaches a tunnel on an open WebSocket. Later messages and events remain queued in the tunnel. Rejects if the gateway refuses,
 * violates the protocol, or is lost.
 */
export function handshake(tunnel: ClientTunnel, socket: MessageSocket): Promise<HandshakeResult> {
  return new Promise((resolve, reject) => {
    let isDone = false;
    const advance = (): void => {
      for (;;) {
        const message = tunnel.takeMessage(performance.now());
        if (message === undefined) return;
        socket.send(message);
      }
    };
    socket.start({
      message(bytes) {
        tunnel.receive(bytes, performance.now());
        if (isDone) return;
        const event = tunnel.nextEvent();
        if (event?.type === "opened" || event?.type === "attached") {
          isDone = true;
          resolve(event);
        } else if (event?.type === "closed") {
          reject(event.error);
        } else {
          advance();
        }
      },
      drained() {},
      closed: ({ error }) => reject(error),
    });
    advance();
  });
}
