import { createHmac, randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { open } from "@nacre/testing/nacre/wire";
import { type AttachAttempt, decodeTunnelMessage, GatewayTunnel, type Hmac } from "@nacre/tunnel";
import type { Bytes } from "@nacre/wire";
import { type Duplex, type DuplexHandler, type ServeOptions, type Session, serve } from "nacre";
import { type RawData, type WebSocket, WebSocketServer } from "ws";

const hmac: Hmac = (key, message) => new Uint8Array(createHmac("sha256", key).update(message).digest());

export interface GatewayOptions {
  /** Subprotocol to select. */
  readonly protocol?: "binary" | "nacre.v1";
  readonly serve?: Partial<ServeOptions<Session>>;
  readonly resumeTime?: number;
  readonly address?: string;
  /** Called first with each new WebSocket. If it returns true, the gateway does not serve the WebSocket. */
  readonly onSocket?: (socket: WebSocket) => boolean;
  /** Replaces a message to the client with zero or more messages. */
  readonly toClient?: (message: Uint8Array) => readonly Uint8Array[];
}

/** A gateway with an SSH server in this process for each WebSocket or tunnel. */
export class TestGateway implements AsyncDisposable {
  readonly url: string;
  readonly options: GatewayOptions;
  /** OPEN messages of all WebSockets. */
  readonly opens: { ticket: string; host: string; port: number }[] = [];
  readonly tunnels: GatewayEnd[] = [];
  readonly #server: WebSocketServer;

  private constructor(server: WebSocketServer, options: GatewayOptions) {
    this.#server = server;
    this.options = options;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ssh`;
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      if (options.onSocket?.(socket) === true) return;
      if (socket.protocol === "nacre.v1") this.#onTunnelSocket(socket);
      else serveOne(new ServerSocket(socket), options);
    });
  }

  static async start(options: GatewayOptions = {}): Promise<TestGateway> {
    const { protocol = "nacre.v1" } = options;
    const server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      perMessageDeflate: false,
      maxPayload: 65_536,
      handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
    });
    await new Promise((resolve) => server.once("listening", resolve));
    return new TestGateway(server, options);
  }

  /** Open WebSockets. */
  get sockets(): WebSocket[] {
    return [...this.#server.clients];
  }

  /** Terminates all WebSockets without a close frame. */
  cut(): void {
    for (const socket of this.sockets) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onTunnelSocket(socket: WebSocket): void {
    let attempt: { readonly tunnel: GatewayEnd; readonly attempt: AttachAttempt } | undefined;
    socket.on("message", (data: RawData) => {
      const bytes = new Uint8Array(data as Buffer);
      const tunnel = this.tunnels.find((one) => one.socket === socket);
      if (tunnel !== undefined) return tunnel.receive(bytes);
      if (attempt !== undefined) {
        if (attempt.attempt.prove(bytes)) attempt.tunnel.carry(socket);
        else socket.close(4405, "proof-refused");
        return;
      }
      const message = decodeTunnelMessage(bytes);
      if (message.type === "open") {
        this.opens.push({ ticket: message.ticket, host: message.host, port: message.port });
        this.#open(socket);
      } else if (message.type === "attach") {
        const found = this.tunnels.find(({ tunnel }) => Buffer.compare(tunnel.id, message.id) === 0);
        if (found === undefined) return socket.close(4404, "tunnel-unknown");
        attempt = { tunnel: found, attempt: found.tunnel.challenge(randomBytes(32)) };
        socket.send(attempt.attempt.message);
      }
    });
  }

  #open(socket: WebSocket): void {
    const { address = "", resumeTime = 60_000 } = this.options;
    const tunnel = new GatewayTunnel({
      id: randomBytes(16),
      secret: randomBytes(32),
      address,
      resumeTime,
      hmac,
      growth: { spare: 2 ** 22 },
    });
    const end = new GatewayEnd(tunnel, this.options);
    this.tunnels.push(end);
    end.carry(socket);
    serveOne(end, this.options);
  }
}

function serveOne(duplex: Duplex, options: GatewayOptions): void {
  serve(duplex, { ...open, ...options.serve });
}

/** Gateway side of a tunnel as a byte connection for the SSH server. */
class GatewayEnd implements Duplex {
  readonly tunnel: GatewayTunnel;
  socket: WebSocket | undefined;
  /** Number of WebSockets attached after the first one. */
  attached = 0;
  /** Whether the client ended the tunnel. */
  isClosed = false;
  readonly #options: GatewayOptions;
  #handler: DuplexHandler | undefined;
  #unread: Bytes[] = [];
  #isPaused = false;

  constructor(tunnel: GatewayTunnel, options: GatewayOptions) {
    this.tunnel = tunnel;
    this.#options = options;
  }

  /** Switches the tunnel to this WebSocket. */
  carry(socket: WebSocket): void {
    if (this.socket !== undefined) {
      this.attached++;
      this.socket.close(4409, "displaced");
    }
    this.socket = socket;
    socket.on("close", (code) => {
      if (this.socket !== socket) return;
      if (code === 1000 || code === 1001) {
        this.isClosed = true;
        this.#handler?.ended();
      } else {
        this.tunnel.detach();
      }
    });
    this.#pump();
  }

  receive(bytes: Uint8Array): void {
    this.tunnel.receive(bytes, performance.now());
    for (let event = this.tunnel.nextEvent(); event !== undefined; event = this.tunnel.nextEvent()) {
      if (event.type === "data") this.#unread.push(event.data);
      else if (event.type === "writable") this.#handler?.drained();
      else if (event.type === "end") this.#handler?.ended();
      else if (event.type === "closed") this.socket?.close(4400, "protocol-error");
    }
    this.#deliver();
    this.#pump();
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
  }

  write(pieces: readonly Bytes[]): boolean {
    let hasRoom = true;
    if (!this.tunnel.isOver) for (const piece of pieces) hasRoom = this.tunnel.write(piece);
    this.#pump();
    return hasRoom;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliver();
    this.#pump();
  }

  async end(): Promise<void> {
    if (!this.tunnel.isOver) this.tunnel.end();
    this.#pump();
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    await this.end();
  }

  #deliver(): void {
    while (!this.#isPaused && this.#unread.length > 0) {
      const bytes = this.#unread.shift()!;
      this.tunnel.consumed(bytes.length);
      this.#handler?.data(bytes);
    }
  }

  #pump(): void {
    const { socket } = this;
    if (socket?.readyState !== 1) return;
    for (;;) {
      const message = this.tunnel.takeMessage(performance.now());
      if (message === undefined) return;
      for (const sent of this.#options.toClient?.(message) ?? [message]) socket.send(sent);
    }
  }
}

/** Wraps a server's plain WebSocket as a byte connection. */
class ServerSocket implements Duplex {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  open(handler: DuplexHandler): void {
    this.#socket.on("message", (data: RawData) => handler.data(new Uint8Array(data as Buffer)));
    this.#socket.on("close", () => handler.ended());
  }

  write(pieces: readonly Bytes[]): boolean {
    for (const piece of pieces) this.#socket.send(piece);
    return true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async end(): Promise<void> {}

  async close(): Promise<void> {
    this.#socket.close(1000);
  }
}
