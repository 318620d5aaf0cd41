import { type Bytes, type SshError, utf8Encode } from "@nacre/wire";
import { Backlog, type Chunk } from "./backlog.ts";
import type { PairFacts, ReadEnd, ReadSource, StreamKind, WriteEnd, WriteTarget } from "./stream-kind.ts";

/** The types of Web streams. Strings are written as UTF-8. */
export interface WebStreams {
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Uint8Array | string>;
  readonly pair: WebPair;
}

/** A byte connection as a pair of Web streams. */
export interface WebPair extends PairFacts {
  /** Bytes received. Cancelling it discards further bytes; the connection closes once `writable` is closed too. */
  readonly readable: ReadableStream<Bytes>;
  /** Takes bytes, and strings as UTF-8. Closing it ends only this direction; aborting it closes the connection. */
  readonly writable: WritableStream<Uint8Array | string>;
}

/** Makes Web streams over a channel. */
export const webStreams: StreamKind<WebStreams> = {
  readable: (source, keep) => new Output(source, keep),
  writable: (target) => new Input(target),
  pair(source, target, facts) {
    const output = new Output(source);
    const input = new Input(target);
    return {
      stream: { readable: output.stream, writable: input.stream, ...facts },
      receive: (bytes) => output.receive(bytes),
      finish: (error) => output.finish(error),
      room: () => input.room(),
      fail: (error) => input.fail(error),
    };
  },
};

/** The state of a readable stream. */
type OutputState =
  | { readonly kind: "flowing" }
  /** No more bytes follow. After the queued bytes are read, the stream ends, or fails with `error`. */
  | { readonly kind: "ending"; readonly error: SshError | undefined }
  /** The stream has ended, failed, or was cancelled. */
  | { readonly kind: "over" };

class Output implements ReadEnd<WebStreams["readable"]> {
  readonly stream: ReadableStream<Bytes>;
  readonly #source: ReadSource;
  readonly #queue = new Backlog();
  #keep: number;
  #controller!: ReadableStreamDefaultController<Bytes>;
  #wanted: (() => void) | undefined;
  #state: OutputState = { kind: "flowing" };

  constructor(source: ReadSource, keep = Infinity) {
    this.#source = source;
    this.#keep = keep;
    this.stream = new ReadableStream<Bytes>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            this.#wanted = resolve;
            this.#serve();
          }),
        cancel: () => {
          const isEarly = this.#state.kind === "flowing";
          this.#state = { kind: "over" };
          this.#keep = 0;
          const credit = this.#queue.clear();
          if (credit > 0) this.#source.consumed(credit);
          if (isEarly) this.#source.cancelled?.();
        },
      },
      // Use `Backlog` instead of the stream's queue, so that credit returns only when the reader takes a chunk.
      { highWaterMark: 0 },
    );
  }

  open(): void {
    if (this.#state.kind !== "over") this.#keep = Infinity;
  }

  receive(bytes: Bytes): void {
    if (this.#keep === Infinity) {
      this.#hand({ bytes, credit: bytes.length });
    } else {
      const kept = bytes.subarray(0, this.#keep);
      this.#keep -= kept.length;
      this.#source.consumed(bytes.length);
      if (kept.length > 0) this.#hand({ bytes: kept, credit: 0 });
    }
  }

  finish(error?: SshError): void {
    if (this.#state.kind === "flowing") this.#state = { kind: "ending", error };
    this.#serve();
  }

  /** Passes a chunk to a waiting reader, or queues it. The queue is always empty while a reader waits. */
  #hand(chunk: Chunk): void {
    if (this.#wanted === undefined) this.#queue.push(chunk.bytes, chunk.credit);
    else this.#serve(chunk);
  }

  #serve(next?: Chunk): void {
    const wanted = this.#wanted;
    const chunk = next ?? (wanted === undefined ? undefined : this.#queue.shift());
    if (chunk !== undefined) {
      this.#controller.enqueue(chunk.bytes);
      if (chunk.credit > 0) this.#source.consumed(chunk.credit);
    }
    if (this.#state.kind === "ending" && this.#queue.isEmpty) {
      const { error } = this.#state;
      this.#state = { kind: "over" };
      if (error === undefined) this.#controller.close();
      else this.#controller.error(error);
    }
    if (chunk === undefined && this.#state.kind !== "over") return;
    this.#wanted = undefined;
    wanted?.();
  }
}

class Input implements WriteEnd<WebStreams["writable"]> {
  readonly stream: WritableStream<Uint8Array | string>;
  #chunk:
    | { readonly bytes: Uint8Array; readonly done: () => void; readonly failed: (error: unknown) => void }
    | undefined;
  readonly #target: WriteTarget;
  #controller!: WritableStreamDefaultController;
  /** Number of written chunks that the target has not taken yet. */
  #pending = 0;
  #over = false;
  /** Whether the target has not finished what follows the last byte. */
  #isEnding = false;
  #drained: (() => void) | undefined;

  constructor(target: WriteTarget) {
    this.#target = target;
    this.stream = new WritableStream<Uint8Array | string>(
      {
        start: (controller) => {
          this.#controller = controller;
          // Fail the pending write now: the stream calls `abort` only after it settles.
          controller.signal.addEventListener("abort", () => {
            this.#chunk?.failed(controller.signal.reason);
            this.#chunk = undefined;
            if (this.#isEnding) target.abort();
          });
        },
        write: (chunk) =>
          new Promise<void>((done, failed) => {
            this.#chunk = { bytes: typeof chunk === "string" ? utf8Encode(chunk) : chunk, done, failed };
            this.room();
          }),
        close: () => {
          const ending = target.end();
          this.#isEnding = ending !== undefined;
          return ending;
        },
        abort: () => {
          this.#settle();
          target.abort();
        },
      },
      {
        highWaterMark: 1,
        // Counts writes. Only `size` is called for each write before it is queued.
        size: () => {
          this.#pending++;
          return 1;
        },
      },
    );
  }

  room(): void {
    if (this.#chunk === undefined) return;
    const { bytes, done, failed } = this.#chunk;
    let taken: number;
    try {
      taken = this.#target.write(bytes);
    } catch (error) {
      failed(error);
      this.#settle();
      return;
    }
    if (taken < bytes.length) {
      this.#chunk = { bytes: bytes.subarray(taken), done, failed };
    } else {
      this.#chunk = undefined;
      this.#pending--;
      done();
      if (this.#pending === 0) this.#drained?.();
    }
  }

  async finished(): Promise<void> {
    if (this.#pending === 0 || this.#over) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  fail(error: SshError): void {
    this.#chunk?.failed(error);
    this.#controller.error(error);
    this.#settle();
  }

  #settle(): void {
    this.#over = true;
    this.#chunk = undefined;
    this.#drained?.();
  }
}
