import { type Bytes, SshError } from "@nacre/wire";

/** What a byte connection tells its user. */
export interface DuplexHandler {
  /** Bytes from the peer. They are the handler's only until it returns. */
  data(chunk: Uint8Array): void;
  /** After a `write` that returned false: there is room again. */
  drained(): void;
  /** The peer will send no more. */
  ended(): void;
  /** The connection broke. Nothing follows. */
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
 * A byte connection as Nacre drives it: callbacks, and no promise for each chunk. `webDuplex` makes one of a pair of Web
 * streams; `@nacre/node` makes one of a socket.
 */
export interface Duplex {
  /** Called once, first. Bytes may arrive from then on, but never before this returns. */
  open(handler: DuplexHandler): void;
  /** Sends the bytes of all pieces, in order. They belong to the connection from then on. False asks the caller to wait for `drained`. */
  write(pieces: readonly Bytes[]): boolean;
  /** Asks for no more `data` until `resume`; what is under way may still come. */
  pause(): void;
  /** Allows `data` again after `pause`. */
  resume(): void;
  /**
   * Sends what was written, then the end of this direction; the other stays open. Resolves when the system has taken all of it, or the
   * connection has broken. Never rejects. Nothing may be written afterwards.
   */
  end(): Promise<void>;
  /** Sends what was written and closes. Resolves when all is released, within a bounded time; never rejects. */
  close(): Promise<void>;
  /**
   * Closes at once, so that the other side sees a break and takes no half of the bytes for all: TCP's reset. What was written may be lost.
   * Resolves as `close` does. Without it the connection is closed.
   */
  reset?(): Promise<void>;
}

/** A pair of byte streams: `{ readable, writable }` of a WebTransport, a TransformStream, a Deno connection, … */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Bytes>;
}

/** A byte connection over a pair of Web streams. Both are locked until it is closed. Throws `usage` if they are no such pair, or locked. */
export function webDuplex(streams: ByteStreams): Duplex {
  // A program without types may have given anything.
  const { readable, writable }: Partial<ByteStreams> = streams ?? {};
  if (typeof readable?.getReader !== "function" || typeof writable?.getWriter !== "function")
    throw new SshError("usage", "a pair of Web streams of bytes is needed: { readable, writable }");
  if (readable.locked || writable.locked)
    throw new SshError("usage", "the streams are locked: somebody reads or writes them already");
  return new WebDuplex(streams);
}

/** How long closing waits for the other side to take what was written: milliseconds. */
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
    // A writer that is stuck does not close: what it is made on is given up.
    if (!(await withinBound(this.end()))) this.#writer.abort().catch(() => {});
    await withinBound(this.#reader.cancel());
    this.#writer.releaseLock();
    this.#reader.releaseLock();
  }
}

/** Whether it came to an end in time, whichever. */
async function withinBound(work: Promise<void>): Promise<boolean> {
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
