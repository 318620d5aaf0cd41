import type { Duplex as NodeDuplex } from "node:stream";
import type { Duplex, DuplexHandler } from "nacre/internal";
import { resetSocket } from "./reset-socket.ts";

/** How long closing waits until the system has taken what was written: milliseconds. */
const CLOSE_TIMEOUT = 2000;

/**
 * A byte connection for `connectDuplex` over a connected `net.Socket`, or any other Node stream that reads and writes
 * bytes. The stream belongs to it from then on, and is destroyed when it is closed.
 */
export function socketDuplex(socket: NodeDuplex): Duplex {
  return new SocketDuplex(socket);
}

class SocketDuplex implements Duplex {
  readonly #socket: NodeDuplex;
  /** Until the socket breaks or is closed. */
  #handler: DuplexHandler | undefined;
  #isEnded = false;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(socket: NodeDuplex) {
    this.#socket = socket;
    // An error may come at any time, also when nobody listens any more.
    socket.on("error", ignore);
  }

  open(handler: DuplexHandler): void {
    const socket = this.#socket;
    this.#handler = handler;
    // Node would end our direction when the peer ends its own.
    socket.allowHalfOpen = true;
    const broken = (): void => {
      const handler = this.#handler;
      this.#handler = undefined;
      // A socket closes without a fault when both directions have ended.
      if (socket.errored !== null || !this.#isEnded || !socket.writableFinished)
        handler?.failed(socket.errored ?? new Error("the socket was closed"));
    };
    socket.on("error", broken);
    socket.on("close", broken);
    socket.on("end", () => {
      this.#isEnded = true;
      this.#handler?.ended();
    });
    socket.on("drain", () => handler.drained());
    socket.on("data", (chunk: Uint8Array) => this.#handler?.data(chunk));
    socket.resume();
    // A socket that broke before is reported as well, but never before this returns.
    if (socket.destroyed) queueMicrotask(broken);
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    // After an error, which has its own event, a drain would never come.
    if (!socket.writable) return true;
    let room = true;
    // Several pieces leave in one system call.
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) room = socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    return room;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
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
      // A socket that broke reports that first, and closes then.
      socket.end((error?: Error | null) => {
        if (!error) resolve();
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
      if (socket.closed) {
        resolve();
        return;
      }
      const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end(() => socket.destroy());
    });
    return this.#closing;
  }
}

function ignore(): void {}
