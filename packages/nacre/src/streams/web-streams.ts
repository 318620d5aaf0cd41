import { type Bytes, type SshError, utf8Encode } from "@nacre/wire";
import { Backlog, type Chunk } from "./backlog.ts";

/** One output of a channel as a Web stream: bytes count as consumed when the stream's reader takes them. */
export class Output {
  readonly stream: ReadableStream<Bytes>;
  readonly #consumed: (bytes: number) => void;
  readonly #queue = new Backlog();
  #keep: number;
  #controller!: ReadableStreamDefaultController<Bytes>;
  #wanted: (() => void) | undefined;
  #ended: { readonly error: SshError | undefined } | undefined;
  /** The stream is closed, has failed, or was cancelled. */
  #over = false;

  /** `keep`: how many bytes to hold, with their credit returned at once, until `open` is called; what exceeds them is dropped. */
  constructor(consumed: (bytes: number) => void, keep: number) {
    this.#consumed = consumed;
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
          this.#over = true;
          this.#keep = 0;
          const credit = this.#queue.clear();
          if (credit > 0) this.#consumed(credit);
        },
      },
      // The queue is ours, so that credit returns with each chunk taken and not a moment before.
      { highWaterMark: 0 },
    );
  }

  /** From now on the reader is expected to read: nothing is dropped. */
  open(): void {
    if (!this.#over) this.#keep = Number.POSITIVE_INFINITY;
  }

  push(bytes: Bytes): void {
    if (this.#keep === Number.POSITIVE_INFINITY) {
      this.#hand({ bytes, credit: bytes.length });
    } else {
      const kept = bytes.subarray(0, this.#keep);
      this.#keep -= kept.length;
      this.#consumed(bytes.length);
      if (kept.length > 0) this.#hand({ bytes: kept, credit: 0 });
    }
  }

  /** No more comes. What has come is still read first; then the stream ends, or fails with `error`. */
  end(error?: SshError): void {
    this.#ended ??= { error };
    this.#serve();
  }

  /** A reader that waits has been given all there was. */
  #hand(chunk: Chunk): void {
    if (this.#wanted === undefined) this.#queue.push(chunk.bytes, chunk.credit);
    else this.#serve(chunk);
  }

  #serve(next?: Chunk): void {
    const wanted = this.#wanted;
    const chunk = next ?? (wanted === undefined ? undefined : this.#queue.shift());
    if (chunk !== undefined) {
      this.#controller.enqueue(chunk.bytes);
      if (chunk.credit > 0) this.#consumed(chunk.credit);
    }
    if (this.#ended !== undefined && this.#queue.isEmpty && !this.#over) {
      this.#over = true;
      if (this.#ended.error === undefined) this.#controller.close();
      else this.#controller.error(this.#ended.error);
    }
    if (chunk === undefined && !this.#over) return;
    this.#wanted = undefined;
    wanted?.();
  }
}

/** Where an `Input` goes. */
export interface InputTarget {
  /** Takes bytes, copying them, and returns how many: the rest is offered again when there is room. */
  write(bytes: Uint8Array): number;
  /** No more comes. */
  end(): void;
  /** What was to come never will. */
  abort(): void;
}

/** What goes into a channel as a Web stream: a write is done when the channel has taken all of it. Text goes as UTF-8. */
export class Input {
  readonly stream: WritableStream<Uint8Array | string>;
  #rest:
    | { readonly bytes: Uint8Array; readonly done: () => void; readonly failed: (error: unknown) => void }
    | undefined;
  readonly #target: InputTarget;
  #controller!: WritableStreamDefaultController;
  /** Chunks written to the stream that the channel has not taken yet. */
  #underWay = 0;
  #over = false;
  #drained: (() => void) | undefined;

  constructor(target: InputTarget) {
    this.#target = target;
    this.stream = new WritableStream<Uint8Array | string>(
      {
        start: (controller) => {
          this.#controller = controller;
          // The stream calls `abort` when the write that is under way is over: it is over now.
          controller.signal.addEventListener("abort", () => {
            this.#rest?.failed(controller.signal.reason);
            this.#rest = undefined;
          });
        },
        write: (chunk) =>
          new Promise<void>((done, failed) => {
            this.#rest = { bytes: typeof chunk === "string" ? utf8Encode(chunk) : chunk, done, failed };
            this.writable();
          }),
        close: () => target.end(),
        abort: () => {
          this.#settle();
          target.abort();
        },
      },
      {
        highWaterMark: 1,
        // Called with each write, before it waits its turn: how else to know what is still to come.
        size: () => {
          this.#underWay++;
          return 1;
        },
      },
    );
  }

  /** The channel has room. */
  writable(): void {
    if (this.#rest === undefined) return;
    const { bytes, done, failed } = this.#rest;
    let taken: number;
    try {
      taken = this.#target.write(bytes);
    } catch (error) {
      failed(error);
      this.#settle();
      return;
    }
    if (taken < bytes.length) {
      this.#rest = { bytes: bytes.subarray(taken), done, failed };
    } else {
      this.#rest = undefined;
      this.#underWay--;
      done();
      if (this.#underWay === 0) this.#drained?.();
    }
  }

  /** Resolves when all that was written to the stream was taken, or never will be. */
  async drained(): Promise<void> {
    if (this.#underWay === 0 || this.#over) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  /** The channel is closed: what was not taken never will be. */
  closed(error: SshError): void {
    this.#rest?.failed(error);
    this.#controller.error(error);
    this.#settle();
  }

  #settle(): void {
    this.#over = true;
    this.#rest = undefined;
    this.#drained?.();
  }
}
