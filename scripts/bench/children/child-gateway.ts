/** A process with the gateway. It also serves the page of the `web` case. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createGateway, type Gateway, type GatewayEvent } from "@nacre/gateway";
import { block } from "../bulk/payload.ts";
import type { AdmitResult, AdmitTask, GatewayResult, GatewayTask, RelayedResult } from "../web/web-tasks.ts";
import { work } from "./worker.ts";

const HOST = "127.0.0.1";
/** Interval in milliseconds in which the sent bytes are compared with the next cut. */
const LOOK = 2;
/** Bytes that a WebSocket sends before it is lost. Without that, a second cut of a short transfer may come before the first is restored. */
const ALIVE = 64 * 1024;

let gateway: Gateway | undefined;
let task: GatewayTask;
let origin = "";
/** Sockets of the current transfer. Lost ones stay here, since their bytes count. */
const sockets = new Set<Socket>();
let cutter: NodeJS.Timeout | undefined;
let relayed: Promise<RelayedResult>;
let onClosed: (result: RelayedResult) => void;

work(async (next) => {
  if (next.kind === "gateway") return start(next);
  if (next.kind === "admit") return admit(next);
  if (next.kind === "relayed") return relayed;
  throw new Error(`unexpected task ${next.kind}`);
});

async function start(next: GatewayTask): Promise<GatewayResult> {
  task = next;
  const script = readFileSync(next.script);
  const page = `<!doctype html><title>Benchmark</title><script src="/page.js"></script>`;
  const server = createServer((request, response) => {
    if (request.url === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
    else if (request.url === "/block") response.end(block);
    else response.setHeader("content-type", "text/html").end(page);
  });
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  origin = `http://${HOST}:${port}`;
  const plain = `${next.plain.host}:${next.plain.port}`;
  gateway = createGateway({ origins: [origin], allow: [`${next.ssh.host}:${next.ssh.port}`, plain], plain, log });
  server.on("upgrade", (_, socket: Socket) => sockets.add(socket));
  gateway.attach(server);
  return { port };
}

async function admit({ cuts }: AdmitTask): Promise<AdmitResult> {
  sockets.clear();
  clearInterval(cutter);
  const left = [...cuts];
  if (left.length > 0)
    cutter = setInterval(() => {
      const sent = [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
      const isAlive = [...sockets].some(({ destroyed, bytesWritten }) => !destroyed && bytesWritten > ALIVE);
      if (left.length === 0 || sent < left[0]! || !isAlive) return;
      left.shift();
      for (const socket of sockets) socket.destroy();
    }, LOOK);
  relayed = new Promise((resolve) => {
    onClosed = resolve;
  });
  const { ticket } = await gateway!.issueTicket({ origin, session: undefined, ...task.ssh });
  return { ticket };
}

function log(event: GatewayEvent): void {
  if (event.type === "closed") onClosed(event);
}
