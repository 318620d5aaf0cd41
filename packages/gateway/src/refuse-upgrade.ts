import type { Duplex } from "node:stream";

/** Answers a request for an upgrade with an error, and closes its connection. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
