// The door for browsers: serves the page, and one WebSocket for each page that is open.
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Guest, GuestEvent, Room, Stay } from "./room.ts";

/** Bytes that may wait for a client to read them. A client with more is a slow reader. */
const MAX_UNREAD = 64 * 1024;
/** Bytes of one message from a page: the longest text, with every character as an escape sequence of JSON. */
const MAX_MESSAGE = 8 * 1024;
const MAX_CONNECTIONS = 200;
/** Time for a page to send its name, in milliseconds. */
const JOIN_TIME = 10_000;
/** Time between two pings, in milliseconds. A page that answers none in between has vanished. */
const PING_INTERVAL = 30_000;
/** Time for a page to close its WebSocket when asked, in milliseconds. */
const CLOSE_TIME = 2000;

/** Close code for a message that the page never sends (RFC 6455 §7.4.1). */
const POLICY_VIOLATION = 1008;
/** Close code for the normal end of a stay. */
const NORMAL = 1000;

const HEADERS: Readonly<Record<string, string>> = {
  // The page runs its own script and no other. Trusted Types forbid `innerHTML` and the like, so that no text can become HTML.
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-cache",
};

/** The files of the page, by path. No other path exists, so none can lead outside. */
const FILES: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }> = new Map(
  [
    ["/", "index.html", "text/html; charset=utf-8"] as const,
    ["/chat.css", "chat.css", "text/css; charset=utf-8"] as const,
    ["/chat.js", "chat.js", "text/javascript; charset=utf-8"] as const,
  ].map(([path, file, type]) => [path, { type, body: readFileSync(new URL(`../page/${file}`, import.meta.url)) }]),
);

export interface WebDoorOptions {
  readonly host: string;
  readonly port: number;
  /** Further origins under which the page is opened, such as `https://chat.example.org` behind a proxy. */
  readonly origins?: readonly string[] | undefined;
}

/** The running server for browsers. */
export class WebDoor {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
  readonly #room: Room;
  /** Origins of the page. Pages of other sites must not speak in the name of the person who visits them. */
  readonly #origins: ReadonlySet<string>;
  readonly #pings: ReturnType<typeof setInterval>;
  /** Clients that have answered the last ping. */
  #alive = new WeakSet<WebSocket>();

  private constructor(server: Server, room: Room, { host, origins = [] }: WebDoorOptions) {
    this.#server = server;
    this.#room = room;
    this.port = (server.address() as { readonly port: number }).port;
    const name = host.includes(":") ? `[${host}]` : host;
    const own = ["localhost", "127.0.0.1", "[::1]", name].map((name) => `http://${name}:${this.port}`);
    this.#origins = new Set([...own, ...origins]);
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#onUpgrade(request, socket, head);
    });
    this.#pings = setInterval(() => this.#ping(), PING_INTERVAL);
  }

  /** Starts the server for browsers. Rejects if it cannot listen. */
  static async open(room: Room, options: WebDoorOptions): Promise<WebDoor> {
    const { host, port } = options;
    const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 5000 }, serveFile);
    server.maxConnections = 2 * MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(new Error(`cannot listen on ${host} port ${port}: ${cause.message}; choose another port`, { cause })),
      );
      server.listen({ host, port }, resolve);
    });
    return new WebDoor(server, room, options);
  }

  /** Ends all connections and stops the server. */
  async close(): Promise<void> {
    clearInterval(this.#pings);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const ends = Array.from(this.#sockets.clients, (socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of this.#sockets.clients) closeSoon(socket, NORMAL);
    this.#server.closeAllConnections();
    await Promise.all([closed, ...ends]);
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    if (request.url !== "/room") refuse(socket, "404 Not Found");
    else if (!this.#origins.has(request.headers.origin ?? "")) refuse(socket, "403 Forbidden");
    else if (this.#sockets.clients.size >= MAX_CONNECTIONS) refuse(socket, "503 Service Unavailable");
    else
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#alive.add(webSocket);
        webSocket.on("pong", () => this.#alive.add(webSocket));
        new Visit(webSocket, this.#room).begin();
      });
  }

  #ping(): void {
    const alive = this.#alive;
    this.#alive = new WeakSet();
    for (const socket of this.#sockets.clients) {
      if (alive.has(socket)) socket.ping();
      else socket.terminate();
    }
  }
}

/** A message from a page. */
type Request = { readonly type: "join"; readonly name: string } | { readonly type: "say"; readonly text: string };

/** Messages to a page: the events of the room, and these. */
type Notice =
  /** A message was not sent. */
  | { readonly type: "refused"; readonly reason: string }
  /** The visit is over, or could not begin. */
  | { readonly type: "ended"; readonly reason: string };

/** One WebSocket, from opening to close. */
class Visit implements Guest {
  readonly #socket: WebSocket;
  readonly #room: Room;
  readonly #deadline: ReturnType<typeof setTimeout>;
  #state: "new" | "joining" | "over" | Stay = "new";

  constructor(socket: WebSocket, room: Room) {
    this.#socket = socket;
    this.#room = room;
    this.#deadline = setTimeout(() => socket.terminate(), JOIN_TIME);
  }

  begin(): void {
    // ws has sent the close code of the error; a page that does not answer is cut off.
    this.#socket.on("error", () => closeSoon(this.#socket, NORMAL));
    this.#socket.on("close", () => this.#onClose());
    this.#socket.on("message", (data, isBinary) => this.#onMessage(isBinary ? undefined : parseRequest(data)));
  }

  /** Shows an event. Returns false for a slow reader. */
  show(event: GuestEvent): boolean {
    this.#send(event);
    return this.#socket.bufferedAmount <= MAX_UNREAD;
  }

  end(reason: string): void {
    this.#state = "over";
    // A slow reader would not read the reason either.
    if (this.#socket.bufferedAmount > MAX_UNREAD) return this.#socket.terminate();
    this.#send({ type: "ended", reason });
    closeSoon(this.#socket, NORMAL);
  }

  #onMessage(request: Request | undefined): void {
    const state = this.#state;
    if (state === "over") return;
    if (request?.type === "join" && state === "new") void this.#join(request.name);
    else if (request?.type === "say" && typeof state === "object") void this.#say(state, request.text);
    else {
      if (typeof state === "object") state.leave();
      this.#state = "over";
      closeSoon(this.#socket, POLICY_VIOLATION);
    }
  }

  async #join(name: string): Promise<void> {
    this.#state = "joining";
    clearTimeout(this.#deadline);
    const joined = await this.#room.join(name, this);
    if ("refused" in joined) this.end(joined.refused);
    // The page is gone, or the room has ended the stay already.
    else if (this.#isOver()) joined.leave();
    else this.#state = joined;
  }

  async #say(stay: Stay, text: string): Promise<void> {
    const reason = await stay.say(text);
    if (reason !== undefined && !this.#isOver()) this.#send({ type: "refused", reason });
  }

  #onClose(): void {
    clearTimeout(this.#deadline);
    if (typeof this.#state === "object") this.#state.leave();
    this.#state = "over";
  }

  /** Whether the visit is over. A method, because the state changes while a Promise is awaited. */
  #isOver(): boolean {
    return this.#state === "over";
  }

  #send(message: GuestEvent | Notice): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** Returns a message from a page, or `undefined` if it is not one that our page sends. */
export function parseRequest(data: RawData): Request | undefined {
  let value: Partial<Record<"type" | "name" | "text", unknown>> | null;
  try {
    // A message is one Buffer: `binaryType` has its default.
    value = JSON.parse((data as Buffer).toString()) as typeof value;
  } catch {
    return undefined;
  }
  const { type, name, text } = { ...value };
  if (type === "join" && typeof name === "string") return { type, name };
  if (type === "say" && typeof text === "string") return { type, text };
  return undefined;
}

function serveFile({ method, url }: IncomingMessage, response: ServerResponse): void {
  const file = FILES.get(url ?? "");
  if (method !== "GET" && method !== "HEAD") response.writeHead(405, { ...HEADERS, allow: "GET, HEAD" }).end();
  else if (file === undefined) response.writeHead(404, HEADERS).end();
  else response.writeHead(200, { ...HEADERS, "content-type": file.type }).end(file.body);
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

/** Closes a WebSocket, and its connection too if the page does not answer in time. */
function closeSoon(socket: WebSocket, code: number): void {
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIME);
  socket.once("close", () => clearTimeout(timer));
  socket.close(code);
}
