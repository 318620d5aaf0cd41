/** A process with a plain TCP server: the target of tunnels and gateways. */
import { createServer } from "node:net";
import { listenOnLoopback } from "../gateway/gateway-worker.ts";
import { servePlain } from "../tunnel/plain-server.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { work } from "./worker.ts";

/** Bytes of a connection that wait to be sent back, above which it is not read. */
const HIGH_WATER = 1024 * 1024;

work((task) => {
  if (task.kind === "serve-plain") return servePlain(task.host, 0);
  if (task.kind === "serve-echo") return serveEcho();
  return Promise.reject(new Error(`unexpected task ${task.kind}`));
});

/** Serves TCP connections that send back what they receive. */
function serveEcho(): Promise<Address> {
  const server = createServer({ noDelay: true, highWaterMark: HIGH_WATER }, (socket) => {
    socket.on("data", (chunk) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("error", () => {});
  });
  return listenOnLoopback(server);
}
