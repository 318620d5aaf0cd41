import type { ByteStreams } from "nacre";

/** The members of Bun's sockets that `bunSocketHandlers` uses. */
export interface BunSocket {
  data: BunSocketData;
  /** Returns the number of bytes accepted, or −1 if the socket is closed. Does not buffer the remaining bytes. */
  write(bytes: Uint8Array): number;
  /** Stops calls of `data`. */
  pause(): void;
  /** Allows calls of `data` again. */
  resume(): void;
  /** Ends the writing direction. */
  end(): void;
  /** Closes the socket immediately. */
  terminate(): void;
}

/** State that `bunSocketHandlers` stores in a socket. */
export type BunSocketData = SocketStreams;

/** The option `socket` of `Bun.connect` and `Bun.listen`. */
export interface BunSocketHandlers {
  /** The socket is connected. */
  open(socket: BunSocket): void;
  /** Bytes arrived. */
  data(socket: BunSocket, chunk: Uint8Array): void;
  /** The socket accepts bytes again after a partial `write`. */
  drain(socket: BunSocket): void;
  /** The peer ended its direction. */
  end(socket: BunSocket): void;
  /** The socket is closed. */
  close(socket: BunSocket, error?: Error): void;
  /** The socket failed. */
  error(socket: BunSocket, error: Error): void;
}

/** Received bytes that may wait for a reader before the socket is paused. */
const HIGH_WATER_MARK = 65_536;

/** A socket of Bun as a pair of byte streams. */
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

  /** The peer sends no more. */
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

/** Handlers for `Bun.connect` and `Bun.listen`. Each socket is given to `onOpen` as a pair of byte streams with backpressure in both directions. */
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
