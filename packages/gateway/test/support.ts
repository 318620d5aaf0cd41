import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { ClientTunnel, closeReason, TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import { onTestFinished, vi } from "vitest";
import WebSocket, { type ClientOptions } from "ws";
import { createGateway, type Gateway, type GatewayEvent, type GatewayOptions } from "../src/index.ts";
import { ORIGIN } from "./origin.ts";

export { ORIGIN };

/** Starts a TCP server on loopback, closed after the test. */
export async function tcpServer(onSocket: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** Stops the clock by which a gateway measures rates and deadlines, until the end of the test. */
export function stopClock(): void {
  const clock = vi.spyOn(performance, "now").mockReturnValue(performance.now());
  onTestFinished(() => clock.mockRestore());
}

/** Echoes received data, and ends when the client ends. */
export const echo = (socket: Socket): void => void socket.pipe(socket);

export interface Started {
  readonly gateway: Gateway;
  readonly server: HttpServer;
  readonly port: number;
  readonly url: string;
  readonly events: GatewayEvent[];
  /** Resolves to the event number `count` of this type; default the first. */
  readonly event: (type: GatewayEvent["type"], count?: number) => Promise<GatewayEvent>;
}

/** Starts a gateway on an HTTP server on loopback, both closed after the test. */
export async function startGateway(options: Partial<GatewayOptions> = {}): Promise<Started> {
  const events: GatewayEvent[] = [];
  const waiting = new Set<() => void>();
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const gateway = createGateway({
    origins: [ORIGIN],
    hosts: [`127.0.0.1:${port}`],
    allow: [],
    log: (event) => {
      events.push(event);
      for (const wake of waiting) wake();
    },
    ...options,
  });
  gateway.attach(server);
  onTestFinished(async () => {
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    gateway,
    server,
    port,
    url: `ws://127.0.0.1:${port}/ssh`,
    events,
    event: (type, count = 1) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = events.filter((event) => event.type === type);
          if (found.length < count) return;
          waiting.delete(look);
          resolve(found[count - 1]!);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Issues a ticket for a page without an HTTP session. */
export async function ticketFor(gateway: Gateway, port: number, host = "127.0.0.1"): Promise<string> {
  return (await gateway.issueTicket({ origin: ORIGIN, host, port, session: undefined })).ticket;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const hmac = (key: Uint8Array, message: Uint8Array): Uint8Array => createHmac("sha256", key).update(message).digest();

/** Opens a WebSocket as a page does, terminated after the test. */
export function pageSocket(
  url: string,
  options: ClientOptions = {},
  protocols: string[] = [TUNNEL_SUBPROTOCOL],
): WebSocket {
  const ws = new WebSocket(url, protocols, { origin: ORIGIN, perMessageDeflate: false, ...options });
  ws.on("error", () => {});
  onTestFinished(() => ws.terminate());
  return ws;
}

export async function closedOf(ws: WebSocket): Promise<Closed> {
  const [code, reason] = (await once(ws, "close")) as [number, Buffer];
  return { code, reason: reason.toString() };
}

/** Resolves to the HTTP status of the refusal, or 101 if the WebSocket opens. */
export async function refusedWith(ws: WebSocket): Promise<number | undefined> {
  const refused = once(ws, "unexpected-response") as Promise<[unknown, { statusCode?: number; destroy(): void }]>;
  const answer = await Promise.race([refused, once(ws, "open").then(() => undefined)]);
  if (answer === undefined) return 101;
  const [, response] = answer;
  response.destroy();
  return response.statusCode;
}

/** The tunnel of a page, over a `ws` client. */
export class Page {
  readonly tunnel: ClientTunnel;
  readonly opened: Promise<{ readonly address: string; readonly resumeTime: number }>;
  readonly finished: Promise<void>;
  /** Whether received bytes are immediately reported as consumed; default true. */
  consumes = true;
  held = 0;
  ws!: WebSocket;
  readonly #chunks: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  #length = 0;
  #onOpened!: (value: { readonly address: string; readonly resumeTime: number }) => void;
  #onFinished!: () => void;
  #onAttached: (() => void) | undefined;

  constructor(url: string, request: { ticket: string; host?: string; port: number }, options: ClientOptions = {}) {
    this.opened = new Promise((resolve) => (this.#onOpened = resolve));
    this.finished = new Promise((resolve) => (this.#onFinished = resolve));
    this.tunnel = new ClientTunnel({ host: "127.0.0.1", ...request }, { hmac, growth: { spare: 16 * 1024 * 1024 } });
    this.use(pageSocket(url, options));
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get length(): number {
    return this.#length;
  }

  /** Resolves to the code and reason of the current WebSocket's close. */
  closed(): Promise<Closed> {
    return closedOf(this.ws);
  }

  closeName(): Promise<string | undefined> {
    return this.closed().then(({ code }) => closeReason(code));
  }

  /** Resolves to the reason for which the gateway closes the WebSocket, or `"opened"` if the connection opens. */
  refused(): Promise<string | undefined> {
    return Promise.race([this.opened.then(() => "opened"), this.closeName()]);
  }

  write(bytes: Uint8Array): void {
    this.tunnel.write(Uint8Array.from(bytes));
    this.pump();
  }

  end(): void {
    this.tunnel.end();
    this.pump();
  }

  /** Resolves when `length` bytes have arrived. */
  receives(length: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#length < length) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Drops the WebSocket without a close frame. */
  lose(): void {
    const { ws } = this;
    this.tunnel.detach();
    ws.removeAllListeners("message");
    ws.terminate();
  }

  /** Attaches with a new WebSocket. Resolves to `"attached"`, or to the reason for which the gateway closes it. */
  async attach(url: string, options: ClientOptions = {}): Promise<string | undefined> {
    this.tunnel.detach();
    this.ws.removeAllListeners("message");
    const ws = pageSocket(url, options);
    this.tunnel.attach();
    const attached = new Promise<string>((resolve) => (this.#onAttached = () => resolve("attached")));
    this.use(ws);
    return Promise.race([attached, this.closeName()]);
  }

  use(ws: WebSocket): void {
    this.ws = ws;
    ws.on("open", () => this.pump());
    ws.on("message", (data: Buffer) => {
      this.tunnel.receive(new Uint8Array(data), performance.now());
      this.pump();
    });
  }

  consumeHeld(): void {
    this.tunnel.consumed(this.held);
    this.held = 0;
    this.pump();
  }

  pump(): void {
    for (let event = this.tunnel.nextEvent(); event !== undefined; event = this.tunnel.nextEvent()) {
      if (event.type === "opened") this.#onOpened(event);
      else if (event.type === "attached") this.#onAttached?.();
      else if (event.type === "finished") this.#onFinished();
      else if (event.type === "data") {
        this.#chunks.push(Buffer.from(event.data));
        this.#length += event.data.length;
        if (this.consumes) this.tunnel.consumed(event.data.length);
        else this.held += event.data.length;
        for (const look of this.#waiting) look();
      }
    }
    if (this.ws.readyState !== WebSocket.OPEN) return;
    const now = performance.now();
    for (let m = this.tunnel.takeMessage(now); m !== undefined; m = this.tunnel.takeMessage(now)) this.ws.send(m);
    const event = this.tunnel.nextEvent();
    if (event?.type === "finished") this.#onFinished();
  }
}

/** Returns `length` bytes, each different from its neighbours. */
export function pattern(length: number, first = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (first + i * 7 + (i >> 8)) & 0xff));
}
