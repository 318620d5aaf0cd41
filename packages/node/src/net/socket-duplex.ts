import { Socket } from "node:net";
import type { Duplex as NodeDuplex, Writable } from "node:stream";
import { type Bytes, checkLimit } from "@nacre/wire";
import type { Duplex, DuplexHandler, OptionRows } from "nacre/extend";
import { checkOptions, FREED_FROM, freeBuffers } from "nacre/extend";
import { freeOwned, ownsBuffer } from "./packet-buffers.ts";

/** Options of {@link socketDuplex}. */
export interface SocketDuplexOptions {
  /**
   * Milliseconds that `close` waits for the peer to end its direction, once the written data is sent; at most 2000, default 0. What the
   * peer still sends is dropped. Without waiting, a peer that still sends sees an error (ECONNRESET, EPIPE), and may lose what it has not
   * read yet.
   */
  readonly linger?: number | undefined;
}

/** Time to flush written data when closing, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

const SOCKET_OPTIONS: OptionRows<SocketDuplexOptions> = {
  linger: {
    check: (linger = 0) => checkLimit("linger", linger, { least: 0, most: CLOSE_TIMEOUT, unit: "milliseconds" }),
  },
};

/**
 * Length in bytes from which a read is freed: half the size of Node's read buffer, which only bulk data fills. The first detached buffer of
 * a process makes V8 discard all optimized code that uses typed arrays, so short messages must not cause it when a few arrive at once.
 */
const FREED_READ_FROM = 32 * 1024;

/**
 * Returns a byte connection for `connect` of `nacre`, over a connected `net.Socket` or any other Node `Duplex` of bytes. It takes ownership
 * of the stream and destroys it when closed. Throws `usage` for invalid options.
 */
export function socketDuplex(socket: NodeDuplex, options: SocketDuplexOptions = {}): Duplex {
  checkOptions(options, SOCKET_OPTIONS, "`socketDuplex`");
  return new SocketDuplex(socket, { isAccepted: false, linger: options.linger ?? 0 });
}

/**
 * Returns a byte connection over a socket that a server accepted, like `socketDuplex`. Frees the memory of each read after use: Node reads
 * such sockets into new buffers, while all dialled sockets share one.
 */
export function acceptedDuplex(socket: Socket): Duplex {
  return new SocketDuplex(socket, { isAccepted: true, linger: 0 });
}

class SocketDuplex implements Duplex {
  readonly #socket: NodeDuplex;
  readonly #isSystemSocket: boolean;
  /** Whether each chunk has a buffer of its own. */
  readonly #ownsReads: boolean;
  readonly #linger: number;
  /** Set by `open`; `undefined` after the socket breaks or is closed. */
  #handler: DuplexHandler | undefined;
  #isPaused = false;
  #isEnded = false;
  /** Whether "close" was emitted. A stream that emits it by itself does not set its own `closed`. */
  #isClosed = false;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(socket: NodeDuplex, { isAccepted, linger }: { readonly isAccepted: boolean; readonly linger: number }) {
    this.#socket = socket;
    this.#isSystemSocket = isSystemSocket(socket);
    this.#ownsReads = isAccepted && this.#isSystemSocket;
    this.#linger = linger;
    // An error may occur at any time, also before `open`.
    socket.on("error", () => this.#onBroken());
  }

  open(handler: DuplexHandler): void {
    const socket = this.#socket;
    this.#handler = handler;
    // By default Node ends our direction when the peer ends its own.
    socket.allowHalfOpen = true;
    // First, because another listener may call `close`.
    socket.prependListener("close", () => {
      this.#isClosed = true;
    });
    socket.on("close", () => this.#onBroken());
    socket.on("end", () => {
      this.#isEnded = true;
      this.#handler?.ended();
    });
    socket.on("drain", () => handler.drained());
    socket.on("data", (chunk: Bytes) => {
      this.#handler?.data(chunk);
      if (this.#ownsReads) freeRead(chunk);
    });
    socket.resume();
    // Report an already broken socket too, but only after `open` returns.
    if (socket.destroyed) queueMicrotask(() => this.#onBroken());
  }

  write(pieces: readonly Bytes[]): boolean {
    return writePieces(this.#socket, pieces, this.#isSystemSocket);
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    // Node does not return early.
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  end(): Promise<void> {
    this.#ending ??= new Promise((resolve) => {
      const socket = this.#socket;
      if (socket.writableFinished || socket.destroyed) {
        resolve();
        return;
      }
      socket.once("close", resolve);
      // The callback receives an error if the socket breaks; "close" follows.
      socket.end((error?: Error | null) => {
        if (error) return;
        // Otherwise "close" would resolve the promise again, which Node reports to its handler of rejections.
        socket.off("close", resolve);
        resolve();
      });
    });
    return this.#ending;
  }

  reset(): Promise<void> {
    resetSocket(this.#socket);
    return this.close();
  }

  close(): Promise<void> {
    this.#handler = undefined;
    this.#closing ??= new Promise((resolve) => {
      const socket = this.#socket;
      if (socket.closed || this.#isClosed) {
        resolve();
        return;
      }
      const destroy = (): void => void socket.destroy();
      let timer = setTimeout(destroy, CLOSE_TIMEOUT);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end(() => {
        if (this.#linger === 0 || socket.readableEnded || socket.destroyed) return destroy();
        clearTimeout(timer);
        timer = setTimeout(destroy, this.#linger);
        socket.once("end", destroy);
        socket.resume();
      });
    });
    return this.#closing;
  }

  /** Handles the "error" and "close" events. */
  #onBroken(): void {
    const socket = this.#socket;
    const handler = this.#handler;
    this.#handler = undefined;
    // A close after both directions have ended is not an error.
    if (socket.errored !== null || !this.#isEnded || !socket.writableFinished)
      handler?.failed(socket.errored ?? new Error("the socket was closed unexpectedly"));
  }
}

/** Returns whether this is a socket or pipe of Node, which keeps no bytes after a write. Another kind of stream may pass them on. */
export function isSystemSocket(stream: object): boolean {
  return Object.getPrototypeOf(stream) === Socket.prototype;
}

/** Frees the memory of a chunk after its use. Only for chunks that a socket reads into new buffers. */
function freeRead(chunk: Bytes): void {
  if (chunk.length >= FREED_READ_FROM) freeOwned(chunk);
}

/** Writes pieces in one system call, as `Duplex.write`. `isSystemSocket`: frees their memory when they are sent. */
export function writePieces(stream: Writable, pieces: readonly Bytes[], isSystemSocket: boolean): boolean {
  // After an error, "drain" is never emitted; the error is reported separately.
  if (!stream.writable) return true;
  let room = true;
  const last = pieces.at(-1);
  const free = isSystemSocket ? freeing(pieces) : undefined;
  if (pieces.length > 1) stream.cork();
  for (const piece of pieces) room = stream.write(piece, piece === last ? free : undefined);
  if (pieces.length > 1) stream.uncork();
  return room;
}

/**
 * Returns a function that frees the large buffers of these pieces, to be called when they are sent. Returns `undefined` if no buffer is
 * large. The next packets reuse the freed memory while it is in the processor's cache, and the garbage collector runs less often.
 */
function freeing(pieces: readonly Bytes[]): (() => void) | undefined {
  let large: ArrayBuffer[] | undefined;
  for (const piece of pieces) {
    if (piece.length < FREED_FROM || !ownsBuffer(piece)) continue;
    large ??= [];
    large.push(piece.buffer);
  }
  if (large === undefined) return undefined;
  const freed = large;
  return () => freeBuffers(freed);
}

/** Destroys a stream. A TCP socket is reset, so that its peer does not mistake truncated data for complete data. */
export function resetSocket(socket: NodeDuplex): void {
  // Unix sockets have no reset and no remote address.
  if (socket instanceof Socket && socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else socket.destroy();
}
