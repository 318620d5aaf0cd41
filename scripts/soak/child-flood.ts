/** The process that floods a gateway with connections that send nothing. It replaces each connection that the gateway closes. */
import { connect } from "node:net";

/** What the process does, from its parent. */
export interface Flood {
  readonly port: number;
  /** Number of connections to hold. */
  readonly connections: number;
  /** Number of addresses of 127.0.0.0/8 to connect from. */
  readonly addresses: number;
  /** Number of connections to open per second. */
  readonly perSecond: number;
  /** Whether each connection opens a WebSocket before it is silent. */
  readonly isWebSocket: boolean;
  readonly origin: string;
}

/** State of the flood. */
export interface FloodState {
  /** Connections opened so far. */
  readonly opened: number;
  /** Connections open now. */
  readonly held: number;
  /** WebSockets that the gateway opened so far. */
  readonly accepted: number;
}

/** Interval at which connections are opened, in milliseconds. */
const TICK = 10;

let opened = 0;
let held = 0;
let accepted = 0;

process.once("disconnect", () => process.exit());
process.on("message", (message: Flood | "state") => {
  if (message === "state") process.send?.({ opened, held, accepted } satisfies FloodState);
  else flood(message);
});

function flood({ port, connections, addresses, perSecond, isWebSocket, origin }: Flood): void {
  const head = [
    "GET /ssh HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    `Origin: ${origin}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: nacre.v1",
  ];
  const request = `${head.join("\r\n")}\r\n\r\n`;
  const began = performance.now();
  setInterval(() => {
    const due = ((performance.now() - began) / 1000) * perSecond;
    while (opened < due && held < connections) open();
    // Do not catch up after a pause.
    opened = Math.max(opened, Math.floor(due));
  }, TICK);

  function open(): void {
    const number = opened++ % addresses;
    held++;
    const socket = connect({ port, host: "127.0.0.1", localAddress: `127.2.${number >> 8}.${number & 0xff}` });
    socket.once("data", (data) => {
      if (data.toString("latin1").startsWith("HTTP/1.1 101 ")) accepted++;
      socket.resume();
    });
    socket.on("error", () => {});
    socket.on("close", () => held--);
    if (isWebSocket) socket.write(request);
  }
}
