import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { Backlog } from "nacre/internal";
import { BufferedAmount } from "./buffered-amount.ts";
import { type CloseEventLike, type SocketEnd, socketEnd } from "./close-codes.ts";
import type { WebSocketLike } from "./web-socket.ts";

/** What a WebSocket tells its user. */
export interface MessageSocketHandler {
  /** A binary message, the handler's to keep. Messages that waited may come as one. */
  message(bytes: Bytes): void;
  /** After a `send` that returned false: there is room again. */
  drained(): void;
  /** The last call. */
  closed(end: SocketEnd): void;
}

/**
 * Most bytes that wait for the handler. A WebSocket cannot be stopped: the windows of SSH bound what a peer sends meanwhile, and a peer
 * that ignores them ends the connection here.
 */
const MAX_UNREAD = 64 * 1024 * 1024;

/** How long closing waits for the gateway: milliseconds. */
const CLOSE_TIMEOUT = 2000;

const OPEN = 1;
const CLOSED = 3;

/**
 * A WebSocket as Nacre uses it: messages wait until a handler takes them, sending has a high-water mark, and a closed one is silent. It listens
 * from the beginning, so that no message of an open WebSocket is lost.
 */
export class MessageSocket {
  /** Resolves when the WebSocket is open. Rejects if it never opens. */
  readonly opened: Promise<void>;
  /** The gateway's place, for error messages. */
  readonly where: string;
  readonly #socket: WebSocketLike;
  readonly #closeCode: number;
  readonly #buffered: BufferedAmount;
  /** Resolves with the WebSocket's close event. */
  readonly #closed: Promise<void>;
  #isOpen: boolean;
  #notOpened!: (error: SshError) => void;
  #handler: MessageSocketHandler | undefined;
  readonly #unread = new Backlog();
  #unreadLength = 0;
  #isPaused = false;
  /** How it ended. The handler learns it after the messages before it. */
  #end: SocketEnd | undefined;
  #closing: Promise<void> | undefined;

  /** `closeCode`: what `close` and `fail` tell the gateway, unless said otherwise (RFC 6455 §7.4). */
  constructor(socket: WebSocketLike, closeCode = 1000) {
    this.#socket = socket;
    this.#closeCode = closeCode;
    this.where = placeOf(socket.url);
    this.#buffered = new BufferedAmount(socket, () => this.#handler?.drained());
    this.#isOpen = socket.readyState === OPEN;
    socket.binaryType = "arraybuffer";
    let failure: ErrorEventLike = {};
    // Never removed: an "error" event without a listener would end a Node process.
    socket.addEventListener("error", (event) => {
      failure = event;
    });
    socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    this.opened = new Promise((resolve, reject) => {
      this.#notOpened = reject;
      socket.addEventListener("open", () => {
        this.#isOpen = true;
        resolve();
      });
      if (this.#isOpen) resolve();
    });
    this.opened.catch(() => {}); // Callers that await it get the error.
    this.#closed = new Promise((resolve) => {
      const closed = (event: CloseEventLike): void => {
        resolve();
        const neverOpened = !this.#isOpen && event.code === 1006;
        this.#finish(
          neverOpened
            ? { error: openError(this.where, failure), isLost: true, isNormal: false }
            : socketEnd(event, this.where),
        );
      };
      socket.addEventListener("close", closed);
      if (socket.readyState === CLOSED) closed({ code: 1006, reason: "" });
    });
  }

  /** The subprotocol that the server picked; empty for none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Whether it has ended so that another WebSocket may do better. */
  get isLost(): boolean {
    return this.#end?.isLost ?? false;
  }

  get url(): string {
    return this.#socket.url;
  }

  /** Hands everything to `handler` from now on, but nothing before this returns. */
  start(handler: MessageSocketHandler): void {
    this.#handler = handler;
    queueMicrotask(() => this.#deliver());
  }

  /** Sends a message, which belongs to the WebSocket from then on. Returns false if it is full: wait for `drained`. */
  send(message: Bytes): boolean {
    if (this.#end !== undefined || this.#closing !== undefined) return true;
    this.#socket.send(message);
    return this.#buffered.hasRoom();
  }

  /** Resolves when the network has taken everything, or the WebSocket has closed. */
  flushed(): Promise<void> {
    return this.#end === undefined ? this.#buffered.flushed() : Promise.resolve();
  }

  /** Delivers nothing until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliver();
  }

  /** Ends with this error now, and drops what waits. `isLost`: whether another WebSocket may do better. */
  fail(error: SshError, isLost = false): void {
    if (this.#end !== undefined) return;
    this.#drop();
    this.#isPaused = false;
    this.#finish({ error, isLost, isNormal: false });
    void this.#closeSocket(this.#closeCode);
  }

  /** Sends what was given to `send` and closes. Resolves when all is released, within a bounded time; never rejects. */
  close(code: number = this.#closeCode): Promise<void> {
    this.#handler = undefined;
    this.#drop();
    return this.#closeSocket(code);
  }

  #onMessage(data: unknown): void {
    if (this.#end !== undefined || this.#closing !== undefined) return;
    const bytes = bytesOf(data);
    if (bytes === undefined)
      return this.fail(new SshError("unexpected-message", `the gateway ${this.where} sent text or a Blob, not bytes`));
    this.#unread.push(bytes, bytes.length);
    this.#unreadLength += bytes.length;
    // rule: web-unread-limit
    if (this.#unreadLength > MAX_UNREAD)
      return this.fail(new SshError("window-exceeded", `the gateway ${this.where} sent ${MAX_UNREAD} bytes too many`));
    this.#buffered.look();
    this.#deliver();
  }

  /** Hands over what waits, in order, until the handler pauses. The handler may call any method meanwhile. */
  #deliver(): void {
    while (!this.#isPaused && this.#handler !== undefined) {
      const next = this.#unread.shift();
      if (next === undefined) break;
      this.#unreadLength -= next.credit;
      this.#handler.message(next.bytes);
    }
    const handler = this.#handler;
    if (this.#end === undefined || !this.#unread.isEmpty || handler === undefined) return;
    this.#handler = undefined;
    handler.closed(this.#end);
  }

  #drop(): void {
    this.#unreadLength -= this.#unread.clear();
  }

  #finish(end: SocketEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#notOpened(end.error);
    this.#buffered.stop();
    // Nothing before `start` returns, which may be running.
    queueMicrotask(() => this.#deliver());
  }

  #closeSocket(code: number): Promise<void> {
    this.#closing ??= this.#closeInTime(code);
    this.#buffered.stop();
    return this.#closing;
  }

  async #closeInTime(code: number): Promise<void> {
    const socket: WebSocketLike & { terminate?: () => void } = this.#socket;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        // `ws` waits half a minute by itself. A browser has no such method, and forgets the WebSocket by itself.
        socket.terminate?.();
        resolve();
      }, CLOSE_TIMEOUT);
    });
    socket.close(code);
    await Promise.race([this.#closed, late]);
    clearTimeout(timer);
  }
}

/** What an error event has in Node; nothing of it in a browser, which keeps reasons from pages. */
interface ErrorEventLike {
  readonly message?: string;
  readonly error?: unknown;
}

function openError(where: string, { message, error }: ErrorEventLike): SshError {
  const reason = message ? escapeText(message) : "is it running, and does it allow this page's origin?";
  return new SshError("connection-failed", `cannot open a WebSocket to ${where}: ${reason}`, { cause: error });
}

/** A URL without its query, which may have secrets. */
function placeOf(url: string): string {
  return escapeText(url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//"));
}

/** The bytes of a message; `undefined` for a text or a Blob. `ws` may give a Buffer. */
function bytesOf(data: unknown): Bytes | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return data instanceof Uint8Array ? (data as Bytes) : undefined;
}
