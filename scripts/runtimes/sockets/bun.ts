import type { ByteStreams } from "nacre";
import type { OwnSockets } from "./own.ts";

/** The part of Bun's socket API that is used here. */
interface BunSocket {
  data: SocketStreams;
  /** Returns the number of bytes accepted, or −1 if the socket is closed. Does not buffer the remaining bytes. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  end(): void;
  terminate(): void;
}

interface BunHandlers {
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: Error): void;
  error(socket: BunSocket, error: Error): void;
}

interface BunOptions {
  readonly hostname: string;
  readonly port: number;
  readonly socket: BunHandlers;
}

declare const Bun: {
  connect(options: BunOptions): Promise<BunSocket>;
  listen(options: BunOptions): { readonly port: number; stop(): void };
};

/** Number of received bytes that may wait for a reader before the socket is paused. */
const HIGH_WATER_MARK = 65_536;

/** A Bun socket as a pair of byte streams, with backpressure in both directions. */
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

  /** Called when the peer has sent its last byte. */
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

function handlers(onOpen: (streams: ByteStreams) => void): BunHandlers {
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

export const bunSockets: OwnSockets = {
  connect: async (port) => {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: handlers(() => {}) });
    return socket.data;
  },
  listen: async (onConnection) => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: handlers(onConnection) });
    return { port: listener.port, close: () => listener.stop() };
  },
};
