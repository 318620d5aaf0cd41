import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Destroys a stream. If it is a TCP socket, its peer gets a reset, and takes no half of the bytes for all. */
export function resetSocket(socket: Duplex): void {
  // Unix sockets have no reset, and no address.
  if (socket instanceof Socket && socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else socket.destroy();
}
