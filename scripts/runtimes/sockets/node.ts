import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import type { ByteStreams } from "nacre";
import type { OwnSockets } from "./own.ts";

export const nodeSockets: OwnSockets = {
  connect: async (port) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return streamsOf(socket);
  },
  listen: async (onConnection) => {
    const server = createServer({ noDelay: true }, (socket) => onConnection(streamsOf(socket)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
  },
};

function streamsOf(socket: Socket): ByteStreams {
  return {
    readable: Readable.toWeb(socket) as unknown as ByteStreams["readable"],
    writable: Writable.toWeb(socket),
  };
}
