// Server for browsers: serves the page, and accepts one WebSocket per open page.
import { readFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { contentSecurityPolicy } from "../../shared/content-security-policy.ts";
import { openPageServer, PAGE_HEADERS } from "../../shared/page-server.ts";
import type { Guest, GuestEvent, Room, Stay } from "./room.ts";

/** Maximum number of bytes that wait for a client to read them. A client with more unread bytes is disconnected. */
const MAX_UNREAD = 64 * 1024;
/** Maximum bytes of a message from a page. Fits the longest text with every character as a JSON escape sequence. */
const MAX_MESSAGE = 8 * 1024;
const MAX_CONNECTIONS = 200;
/** Milliseconds in which a page must send its name. */
const JOIN_TIME = 10_000;
/** Milliseconds between pings. A page that has not answered a ping by the next one is disconnected. */
const PING_INTERVAL = 30_000;
/** Milliseconds in which a page must answer a close frame. */
const CLOSE_TIME = 2000;

/** Close code for a message that the page never sends (RFC 6455 §7.4.1). */
const POLICY_VIOLATION = 1008;
/** Close code for the normal end of a stay (RFC 6455 §7.4.1). */
const NORMAL = 1000;

const HEADERS: Readonly<Record<string, string>> = {
  ...PAGE_HEADERS,
  "content-security-policy": contentSecurityPolicy(),
  "cache-control": "no-cache",
};

/** Files of the page by path. Only these paths are served, so path traversal is impossible. */
const FILES: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }> = new Map(
  [
    ["/", "../page/index.html", "text/html; charset=utf-8"] as const,
    ["/base.css", "../../shared/base.css", "text/css; charset=utf-8"] as const,
    ["/chat.css", "../page/chat.css", "text/css; charset=utf-8"] as const,
    ["/chat.js", "../page/chat.js", "text/javascript; charset=utf-8"] as const,
  ].map(([path, file, type]) => [path, { type, body: readFileSync(new URL(file, import.meta.url)) }]),
);

export interface WebDoorOptions {
  readonly host: string;
  readonly port: number;
  /** Additional origins of the page, such as `https://chat.example.org` behind a proxy. */
  readonly origins?: readonly string[] | undefined;
  /** Port of the SSH server, which the page shows to a guest who is alone. */
  readonly sshPort: number;
}

/** Running server for browsers. */
export class WebDoor {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
  readonly #room: Room;
  /** Allowed origins. Pages of other sites must not send messages on behalf of their visitors. */
  readonly #origins: ReadonlySet<string>;
  readonly #pings: ReturnType<typeof setInterval>;
  /** Clients that answered the last ping. */
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
    const { host, port, sshPort } = options;
    const server = await openPageServer(
      { host, port },
      (request, response) => serveFile(request, response, sshPort),
      "choose another port",
    );
    server.maxConnections = 2 * MAX_CONNECTIONS;
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

/** Message from a page. */
type Request = { readonly type: "join"; readonly name: string } | { readonly type: "say"; readonly text: string };

/** Messages to a page in addition to the events of the room. */
type Notice =
  /** The room refused a message. `text` is the message, for the page to show it again. */
  | { readonly type: "refused"; readonly reason: string; readonly text: string }
  /** The stay ended, or joining was refused. */
  | { readonly type: "ended"; readonly reason: string };

/** One WebSocket connection. */
class Visit implements Guest {
  readonly #socket: WebSocket;
  readonly #room: Room;
  readonly #deadline: ReturnType<typeof setTimeout>;
  #state: "new" | "joining" | "over" | Stay = "new";
  /** Resolves when the room has answered all messages. */
  #answered: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, room: Room) {
    this.#socket = socket;
    this.#room = room;
    this.#deadline = setTimeout(() => socket.terminate(), JOIN_TIME);
  }

  begin(): void {
    // `ws` has already sent a close frame with the code of the error. This only sets the timeout for the answer.
    this.#socket.on("error", () => closeSoon(this.#socket, NORMAL));
    this.#socket.on("close", () => this.#onClose());
    this.#socket.on("message", (data, isBinary) => this.#onMessage(isBinary ? undefined : parseRequest(data)));
  }

  /** Sends an event to the page. Returns false if the page reads too slowly. */
  show(event: GuestEvent): boolean {
    this.#send(event);
    return this.#socket.bufferedAmount <= MAX_UNREAD;
  }

  end(reason: string): void {
    this.#state = "over";
    // A slow reader would not receive the reason either.
    if (this.#socket.bufferedAmount > MAX_UNREAD) return this.#socket.terminate();
    this.#send({ type: "ended", reason });
    closeSoon(this.#socket, NORMAL);
  }

  #onMessage(request: Request | undefined): void {
    const state = this.#state;
    if (state === "over") return;
    if (request?.type === "join" && state === "new") void this.#join(request.name);
    else if (request?.type === "say" && typeof state === "object") this.#say(state, request.text);
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
    // The page has closed, or the room has already ended the stay.
    else if (this.#isOver()) joined.leave();
    else this.#state = joined;
  }

  #say(stay: Stay, text: string): void {
    const answer = stay.say(text);
    // In the order of the messages: the bus may fail after the rate limit has refused a later message.
    this.#answered = this.#answered.then(async () => {
      const reason = await answer;
      if (reason !== undefined && !this.#isOver()) this.#send({ type: "refused", reason, text });
    });
  }

  #onClose(): void {
    clearTimeout(this.#deadline);
    if (typeof this.#state === "object") this.#state.leave();
    this.#state = "over";
  }

  /** Returns whether the connection has ended. A method, because TypeScript narrows `#state` across an `await`. */
  #isOver(): boolean {
    return this.#state === "over";
  }

  #send(message: GuestEvent | Notice): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** Parses a message from a page. Returns `undefined` if it is invalid. */
export function parseRequest(data: RawData): Request | undefined {
  let value: Partial<Record<"type" | "name" | "text", unknown>> | null;
  try {
    // With the default `binaryType`, `ws` delivers each message as one Buffer.
    value = JSON.parse((data as Buffer).toString()) as typeof value;
  } catch {
    return undefined;
  }
  const { type, name, text } = { ...value };
  if (type === "join" && typeof name === "string") return { type, name };
  if (type === "say" && typeof text === "string") return { type, text };
  return undefined;
}

function serveFile({ method, url = "" }: IncomingMessage, response: ServerResponse, sshPort: number): void {
  const file = FILES.get(url);
  if (method !== "GET" && method !== "HEAD") response.writeHead(405, { ...HEADERS, allow: "GET, HEAD" }).end();
  else if (file === undefined) response.writeHead(404, HEADERS).end();
  else {
    const body = url === "/" ? file.body.toString().replace("SSH_PORT", `${sshPort}`) : file.body;
    response.writeHead(200, { ...HEADERS, "content-type": file.type }).end(body);
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

/** Closes a WebSocket. Terminates its connection if the page does not answer within `CLOSE_TIME`. */
function closeSoon(socket: WebSocket, code: number): void {
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIME);
  socket.once("close", () => clearTimeout(timer));
  socket.close(code);
}
