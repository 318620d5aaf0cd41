import type { ByteStreams } from "nacre";

/** The members of Bun sockets that `bunSocketHandlers` uses. */
export interface BunSocket {
  data: BunSocketData;
  /** Returns the number of bytes accepted, or −1 if the socket is closed. Does not buffer the remaining bytes. */
  write(bytes: Uint8Array): number;
  /** Pauses calls of the `data` handler. */
  pause(): void;
  /** Resumes calls of the `data` handler. */
  resume(): void;
  /** Ends the writing direction. */
  end(): void;
  /** Closes the socket immediately. */
  terminate(): void;
}

/** State that `bunSocketHandlers` stores in a socket. */
export type BunSocketData = SocketStreams;

/** Value for the `socket` option of `Bun.connect` and `Bun.listen`. */
export interface BunSocketHandlers {
  /** Called when the socket is connected. */
  open(socket: BunSocket): void;
  /** Called with received bytes. */
  data(socket: BunSocket, chunk: Uint8Array): void;
  /** Called when the socket accepts bytes again after a partial `write`. */
  drain(socket: BunSocket): void;
  /** Called when the peer ends its direction. */
  end(socket: BunSocket): void;
  /** Called when the socket is closed. */
  close(socket: BunSocket, error?: Error): void;
  /** Called when the socket fails. */
  error(socket: BunSocket, error: Error): void;
}

/** Maximum number of unread bytes before the socket is paused. */
const HIGH_WATER_MARK = 65_536;

/** Adapts a Bun socket to a pair of byte streams. */
class SocketStreams implements ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #socket: BunSocket;
  #input!: ReadableStreamDefaultController<Uint8Array>;
  #output!: WritableStreamDefaultController;
  #onDrain: (() => void) | undefined;
  #isOver = false;

  constructor(socket: BunSocket) {
    this.#socket = socket;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#input = controller;
        },
        pull: () => socket.resume(),
        cancel: () => this.#terminate(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }),
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#output = controller;
      },
      write: (bytes) => this.#write(bytes),
      close: () => socket.end(),
      abort: () => this.#terminate(),
    });
  }

  received(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#input.enqueue(chunk);
    if ((this.#input.desiredSize ?? 0) <= 0) this.#socket.pause();
  }

  drained(): void {
    this.#onDrain?.();
  }

  /** Closes the readable stream after the peer's last byte. */
  ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#input.close();
  }

  failed(cause: Error): void {
    if (!this.#isOver) this.#input.error(cause);
    this.#isOver = true;
    this.#output.error(cause);
    this.#onDrain?.();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; ; ) {
      const drained = new Promise<void>((resolve) => {
        this.#onDrain = resolve;
      });
      const taken = this.#socket.write(rest);
      if (taken < 0) throw new Error("the socket is closed");
      rest = rest.subarray(taken);
      if (rest.length === 0) return;
      await drained;
    }
  }

  #terminate(): void {
    this.#isOver = true;
    this.#socket.terminate();
  }
}

/**
 * Returns handlers for `Bun.connect` and `Bun.listen`. Calls `onOpen` with each socket as a pair of byte streams. Both directions have
 * backpressure.
 */
export function bunSocketHandlers(onOpen: (streams: ByteStreams) => void): BunSocketHandlers {
  return {
    open: (socket) => {
      socket.data = new SocketStreams(socket);
      onOpen(socket.data);
    },
    data: (socket, chunk) => socket.data.received(chunk),
    drain: (socket) => socket.data.drained(),
    end: (socket) => socket.data.ended(),
    close: (socket, error) => {
      socket.data.ended();
      socket.data.failed(error ?? new Error("the socket is closed"));
    },
    error: (socket, error) => socket.data.failed(error),
  };
}
