import type { ClientTunnel, TunnelEvent } from "@nacre/tunnel";
import type { MessageSocket } from "./message-socket.ts";

/** A tunnel's WebSocket carries its bytes now. */
export type HandshakeResult = Extract<TunnelEvent, { type: "opened" | "attached" }>;

/**
 * Opens a tunnel, or attaches it again, on a WebSocket that is open. Later messages and events wait in the tunnel. Rejects if the gateway
 * refuses, breaks the protocol, or is lost.
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
