import { type Bytes, SshError } from "@nacre/wire";

/** Callbacks of a byte connection. */
export interface DuplexHandler {
  /** Called with bytes from the peer. The handler must not keep the chunk after it returns. */
  data(chunk: Uint8Array): void;
  /** Called when there is room again after a `write` that returned false. */
  drained(): void;
  /** Called when the peer has ended its direction. */
  ended(): void;
  /** Called when the connection broke. No other call follows. */
  failed(cause: unknown): void;
  /**
   * The connection carries nothing for now, and keeps what is written, as while a resumable connection attaches again. Timeouts and
   * keepalives do not count this time.
   */
  suspended?(): void;
  /** The connection goes on after `suspended`. No byte was lost. */
  resumed?(): void;
}

/**
 * A byte connection with callbacks, which avoids a promise per chunk. `webDuplex` makes one from a pair of Web streams, `@nacre/node` from
 * a socket.
 */
export interface Duplex {
  /** Starts the connection. Called once, before any other method. Must return before the first call to `handler.data`. */
  open(handler: DuplexHandler): void;
  /**
   * Sends the pieces in order and takes ownership of their memory: it may detach a buffer that a piece fills, or that came with a channel's
   * data. Returns false if the caller should wait for `drained`.
   */
  write(pieces: readonly Bytes[]): boolean;
  /** Stops calls to `data` until `resume`. Chunks already on their way may still arrive. */
  pause(): void;
  /** Allows calls to `data` again after `pause`. */
  resume(): void;
  /**
   * Sends the written data and then the end of this direction. The other direction stays open. Resolves when the system has taken all data,
   * or when the connection has broken. Never rejects. Nothing may be written afterwards.
   */
  end(): Promise<void>;
  /** Sends the written data and closes. Resolves when all resources are released, within a bounded time. Never rejects. */
  close(): Promise<void>;
  /**
   * Closes immediately, like a TCP reset, so that the peer sees an error and does not take partial data as complete. Written data may be
   * lost. Resolves as `close` does. If this is missing, `close` is called instead.
   */
  reset?(): Promise<void>;
}

/** Returns a byte connection like `duplex`, with some methods replaced. A new member of `Duplex` does not compile until it is here. */
export function wrapDuplex(duplex: Duplex, replaced: Partial<Duplex>): Duplex {
  const passed: Required<Duplex> = {
    open: (handler) => duplex.open(handler),
    write: (pieces) => duplex.write(pieces),
    pause: () => duplex.pause(),
    resume: () => duplex.resume(),
    end: () => duplex.end(),
    close: () => duplex.close(),
    reset: () => duplex.reset?.() ?? duplex.close(),
  };
  return { ...passed, ...replaced };
}

/** Returns callbacks like `handler`, with some replaced. A new member of `DuplexHandler` does not compile until it is here. */
export function wrapHandler(handler: DuplexHandler, replaced: Partial<DuplexHandler>): DuplexHandler {
  const passed: Required<DuplexHandler> = {
    data: (chunk) => handler.data(chunk),
    drained: () => handler.drained(),
    ended: () => handler.ended(),
    failed: (cause) => handler.failed(cause),
    suspended: () => handler.suspended?.(),
    resumed: () => handler.resumed?.(),
  };
  return { ...passed, ...replaced };
}

/** A pair of byte streams, such as `{ readable, writable }` of a WebTransport stream, a TransformStream or a Deno connection. */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Bytes>;
}

/** Returns whether this is a byte connection with callbacks, and not a pair of streams or any other value. */
export function isDuplex(over: unknown): over is Duplex {
  return typeof (over as Partial<Duplex> | undefined)?.open === "function";
}

/** Returns `duplex`. Throws `usage` for a value that an untyped program passed instead, such as a pair of streams. */
export function checkedDuplex(duplex: Duplex): Duplex {
  if (isDuplex(duplex)) return duplex;
  throw new SshError(
    "usage",
    "expected a `Duplex`; make one from Web streams with `webDuplex({ readable, writable })`",
  );
}

/** Returns `over` as a byte connection. Throws `usage` as {@link webDuplex} does. */
export function toDuplex(over: ByteStreams | Duplex): Duplex {
  return isDuplex(over) ? over : webDuplex(over);
}

/**
 * Returns a byte connection over a pair of Web streams. Locks both streams until it is closed. Throws `usage` if `streams` is not such a
 * pair, or if a stream is locked.
 */
export function webDuplex(streams: ByteStreams): Duplex {
  // JavaScript programs may pass any value.
  const { readable, writable }: Partial<ByteStreams> = streams ?? {};
  if (typeof readable?.getReader !== "function" || typeof writable?.getWriter !== "function")
    throw new SshError("usage", "expected a pair of Web byte streams, { readable, writable }, or a `Duplex`");
  if (readable.locked || writable.locked)
    throw new SshError("usage", "the streams are locked by another reader or writer; release it first");
  return new WebDuplex(streams);
}

/** Milliseconds that closing waits for the peer. */
const CLOSE_TIMEOUT = 2000;

class WebDuplex implements Duplex {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Bytes>;
  #handler: DuplexHandler | undefined;
  #resume: (() => void) | undefined;
  #resumed: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(streams: ByteStreams) {
    this.#reader = streams.readable.getReader();
    this.#writer = streams.writable.getWriter();
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
    this.#writer.closed.catch((cause: unknown) => this.#fail(cause));
    void this.#readAll(handler);
  }

  write(pieces: readonly Bytes[]): boolean {
    for (const bytes of pieces) this.#writer.write(bytes).catch(() => {}); // The failure comes through `closed`.
    if ((this.#writer.desiredSize ?? 0) > 0) return true;
    this.#writer.ready.then(
      () => this.#handler?.drained(),
      () => {},
    );
    return false;
  }

  pause(): void {
    this.#resumed ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume?.();
    this.#resumed = undefined;
  }

  end(): Promise<void> {
    this.#ending ??= this.#writer.close().catch(() => {}); // The failure comes through `closed`.
    return this.#ending;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeBoth();
    return this.#closing;
  }

  async #readAll(handler: DuplexHandler): Promise<void> {
    try {
      for (;;) {
        await this.#resumed;
        const { done, value } = await this.#reader.read();
        if (this.#closing !== undefined) return;
        if (done) {
          handler.ended();
          return;
        }
        handler.data(value);
      }
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #fail(cause: unknown): void {
    if (this.#closing === undefined) this.#handler?.failed(cause);
  }

  async #closeBoth(): Promise<void> {
    this.resume();
    // `close` does not resolve on a stuck writer, so abort it.
    if (!(await withinBound(this.end()))) this.#writer.abort().catch(() => {});
    await withinBound(this.#reader.cancel());
    this.#writer.releaseLock();
    this.#reader.releaseLock();
  }
}

/** Returns whether `work` settled within two seconds, by resolving or rejecting. */
export async function withinBound(work: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), CLOSE_TIMEOUT);
  });
  const ended = work.then(
    () => true,
    () => true,
  );
  const isInTime = await Promise.race([ended, late]);
  clearTimeout(timer);
  return isInTime;
}
