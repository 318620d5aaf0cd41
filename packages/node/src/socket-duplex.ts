import type { Duplex as NodeDuplex } from "node:stream";
import type { Duplex, DuplexHandler } from "nacre/parts";

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
  /** Until the socket's end. */
  #handler: DuplexHandler | undefined;
  #closing: Promise<void> | undefined;

  constructor(socket: NodeDuplex) {
    this.#socket = socket;
    // An error may come at any time, also when nobody listens any more.
    socket.on("error", ignore);
  }

  open(handler: DuplexHandler): void {
    const socket = this.#socket;
    this.#handler = handler;
    const broken = (): void => this.#last()?.failed(socket.errored ?? new Error("the socket was closed"));
    socket.on("error", broken);
    socket.on("close", broken);
    socket.on("end", () => this.#last()?.ended());
    socket.on("drain", () => handler.drained());
    socket.on("data", (chunk: Uint8Array) => this.#handler?.data(chunk));
    socket.resume();
    // What broke before anybody listened is told as well, but never before this returns.
    if (socket.destroyed) queueMicrotask(broken);
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    // After an error, which is told separately, a drain would never come.
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

  /** Who is to hear of the end, once. */
  #last(): DuplexHandler | undefined {
    const handler = this.#handler;
    this.#handler = undefined;
    return handler;
  }
}

function ignore(): void {}
