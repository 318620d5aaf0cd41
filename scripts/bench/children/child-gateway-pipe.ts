/** A process with a bare pipe between WebSockets and TCP: the least that a gateway on `ws` can do. It checks and limits nothing. */
import { createServer } from "node:http";
import { connect } from "node:net";
import { WebSocketServer } from "ws";
import { listenOnLoopback, relayWork } from "../gateway/gateway-worker.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";

/** Buffered bytes above which the pipe stops reading from the other side, the same as in Nacre's gateway. */
const HIGH_WATER = 256 * 1024;

function pipe(server: WebSocketServer, to: Address): void {
  server.on("connection", (ws) => {
    const tcp = connect({ ...to, noDelay: true });
    ws.on("message", (data: Buffer) => {
      tcp.write(data);
      if (tcp.writableLength >= HIGH_WATER) ws.pause();
    });
    tcp.on("drain", () => ws.resume());
    const sent = (): void => {
      if (tcp.isPaused() && ws.bufferedAmount < HIGH_WATER) tcp.resume();
    };
    tcp.on("data", (data) => {
      ws.send(data, sent);
      if (ws.bufferedAmount >= HIGH_WATER) tcp.pause();
    });
    ws.on("close", () => tcp.destroy());
    tcp.on("close", () => ws.close());
    ws.on("error", () => {});
    tcp.on("error", () => {});
  });
}

relayWork({
  async relay(to) {
    const http = createServer();
    pipe(new WebSocketServer({ server: http, perMessageDeflate: false }), to);
    const { host, port } = await listenOnLoopback(http);
    return { url: `ws://${host}:${port}/` };
  },
  tickets: async () => [],
});
