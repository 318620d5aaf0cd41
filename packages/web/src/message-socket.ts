import { MAX_MESSAGE_LENGTH } from "@nacre/tunnel";
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { Backlog, withinBound } from "nacre/extend";
import { BufferedAmount } from "./buffered-amount.ts";
import { type CloseEventLike, type SocketEnd, socketEnd } from "./close-codes.ts";
import type { WebSocketLike } from "./web-socket.ts";

/** Callbacks of a `MessageSocket`. */
export interface MessageSocketHandler {
  /** Called with a binary message, which the handler then owns. Queued messages may be joined. */
  message(bytes: Bytes): void;
  /** Called when the WebSocket has room again after a `send` that returned false. */
  drained(): void;
  /** Called once, as the last call. */
  closed(end: SocketEnd): void;
}

/**
 * Maximum number of unread bytes. A WebSocket has no receive backpressure, so SSH windows must bound the data. A peer that ignores the
 * windows ends the connection at this limit.
 */
const MAX_UNREAD = 64 * 1024 * 1024;

/**
 * Memory that all connections share, since each message is sent as soon as it is made. Browsers keep the memory of a sent message until
 * they collect garbage, and then return it to the system. Filling new memory for each message costs a page 0.8 s of CPU time per GiB.
 */
const memory = new Uint8Array(MAX_MESSAGE_LENGTH);

const OPEN = 1;
const CLOSED = 3;

/**
 * Wraps a WebSocket: queues messages for the handler, applies a high-water mark to sending, and ignores messages after closing. The
 * constructor adds the listeners, so that no message of an open WebSocket is lost.
 */
export class MessageSocket {
  /** Resolves when the WebSocket is open. Rejects if it fails to open. */
  readonly opened: Promise<void>;
  /** URL of the gateway for error messages, without query, fragment and user name. */
  readonly where: string;
  /** Memory for the next message, if `send` copies messages, as the platform's `WebSocket` does; `undefined` otherwise. */
  readonly memory: Bytes | undefined;
  readonly #socket: WebSocketLike;
  readonly #closeCode: number;
  readonly #buffered: BufferedAmount;
  /** Resolves on the WebSocket's close event. */
  readonly #closed: Promise<void>;
  #isOpen: boolean;
  #notOpened!: (error: SshError) => void;
  #handler: MessageSocketHandler | undefined;
  readonly #unread = new Backlog();
  #unreadLength = 0;
  #isPaused = false;
  /** Reason for the end. The handler receives it after all queued messages. */
  #end: SocketEnd | undefined;
  #closing: Promise<void> | undefined;

  /** `closeCode` is the close code for `fail`, and the default for `close` (RFC 6455 §7.4). */
  constructor(socket: WebSocketLike, closeCode = 1000) {
    this.#socket = socket;
    this.#closeCode = closeCode;
    this.where = placeOf(socket.url);
    if (socket.constructor === globalThis.WebSocket) this.memory = memory;
    this.#buffered = new BufferedAmount(socket, () => this.#handler?.drained());
    this.#isOpen = socket.readyState === OPEN;
    socket.binaryType = "arraybuffer";
    let failure: ErrorEventLike = {};
    // Never removed: an "error" event without a listener ends a Node process.
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
    this.opened.catch(() => {}); // Callers that await `opened` still get the error.
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

  /** The subprotocol that the server selected; empty if it selected none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Whether it ended in a way after which another WebSocket may succeed. */
  get isLost(): boolean {
    return this.#end?.isLost ?? false;
  }

  get url(): string {
    return this.#socket.url;
  }

  /** Delivers queued and later messages to `handler`. The first call happens after this method returns. */
  start(handler: MessageSocketHandler): void {
    this.#handler = handler;
    queueMicrotask(() => this.#deliver());
  }

  /** Sends a message; the WebSocket then owns it, unless it is in `memory`. Returns false if the WebSocket is full: wait for `drained`. */
  send(message: Bytes): boolean {
    if (this.#end !== undefined || this.#closing !== undefined) return true;
    this.#socket.send(message);
    return this.#buffered.hasRoom();
  }

  /** Resolves when all sent bytes are handed to the network, or the WebSocket is closed. */
  flushed(): Promise<void> {
    return this.#end === undefined ? this.#buffered.flushed() : Promise.resolve();
  }

  /** Pauses delivery until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliver();
  }

  /** Fails with `error` immediately and drops queued messages. `isLost` tells whether another WebSocket may succeed. */
  fail(error: SshError, isLost = false): void {
    if (this.#end !== undefined) return;
    this.#drop();
    this.#isPaused = false;
    this.#finish({ error, isLost, isNormal: false });
    void this.#closeSocket(this.#closeCode);
  }

  /** Sends buffered messages and closes. Resolves within a bounded time, after all resources are released; never rejects. */
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

  /** Delivers queued messages in order until the handler pauses. The handler may call any method meanwhile. */
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
    // `start` may be running, and calls must wait until it returns.
    queueMicrotask(() => this.#deliver());
  }

  #closeSocket(code: number): Promise<void> {
    this.#closing ??= this.#closeInTime(code);
    this.#buffered.stop();
    return this.#closing;
  }

  async #closeInTime(code: number): Promise<void> {
    const socket: WebSocketLike & { terminate?: () => void } = this.#socket;
    socket.close(code);
    // `ws` waits 30 seconds. Browsers lack `terminate`, and release the WebSocket themselves.
    if (!(await withinBound(this.#closed))) socket.terminate?.();
  }
}

/** Fields of an error event in Node. Browsers hide the reason from pages and set neither. */
interface ErrorEventLike {
  readonly message?: string;
  readonly error?: unknown;
}

function openError(where: string, { message, error }: ErrorEventLike): SshError {
  const reason = message ? escapeText(message) : "is it running, and does it allow this page's origin?";
  return new SshError("connection-failed", `cannot open a WebSocket to ${where}: ${reason}`, { cause: error });
}

/** Removes query, fragment and user information from a URL, because they may contain secrets. */
function placeOf(url: string): string {
  return escapeText(url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//"));
}

/** Returns the bytes of a message, or `undefined` for text or a Blob. `ws` may pass a Buffer. */
function bytesOf(data: unknown): Bytes | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return data instanceof Uint8Array ? (data as Bytes) : undefined;
}
