import { Socket } from "node:net";
import type { Duplex as NodeDuplex } from "node:stream";

/** Destroys a stream. A TCP socket is reset, so that its peer does not mistake truncated data for complete data. */
export function resetSocket(socket: NodeDuplex): void {
  // Unix sockets have no reset and no remote address.
  if (socket instanceof Socket && socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else socket.destroy();
}
