import type { Socket } from "node:net";

/** Closes a connection that failed. By TCP with a reset, so that its peer does not take an end for a complete answer. */
export function resetSocket(socket: Socket): void {
  // Only TCP has addresses, and resets.
  if (socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else socket.destroy();
}
