import type { SshError } from "@nacre/wire";
import type { Channel } from "./channel.ts";

interface Chunk {
  readonly bytes: Uint8Array;
  /** Window credit that returns when the reader takes the chunk. */
  readonly credit: number;
}

/** One output of a channel as a Web stream: bytes count as consumed when the stream's reader takes them. */
export class Output {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #consumed: (bytes: number) => void;
  readonly #queue: Chunk[] = [];
  #keep: number;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #wanted: (() => void) | undefined;
  #ended: { readonly error: SshError | undefined } | undefined;

  /** `keep`: how many bytes to hold, with their credit returned at once, until `open` is called; what exceeds them is dropped. */
  constructor(consumed: (bytes: number) => void, keep: number) {
    this.#consumed = consumed;
    this.#keep = keep;
    this.stream = new ReadableStream<Uint8Array>(
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
          this.#keep = 0;
          for (const { credit } of this.#queue.splice(0)) this.#consumed(credit);
        },
      },
      // The queue is ours, so that credit returns with each chunk taken and not a moment before.
      { highWaterMark: 0 },
    );
  }

  /** From now on the reader is expected to read: nothing is dropped. */
  open(): void {
    this.#keep = Number.POSITIVE_INFINITY;
  }

  push(bytes: Uint8Array): void {
    if (this.#keep === Number.POSITIVE_INFINITY) {
      this.#queue.push({ bytes, credit: bytes.length });
    } else {
      const kept = bytes.slice(0, this.#keep);
      this.#keep -= kept.length;
      this.#consumed(bytes.length);
      if (kept.length > 0) this.#queue.push({ bytes: kept, credit: 0 });
    }
    this.#serve();
  }

  end(error?: SshError): void {
    this.#ended ??= { error };
    this.#serve();
  }

  #serve(): void {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#wanted = undefined;
      this.#controller.enqueue(chunk.bytes);
      if (chunk.credit > 0) this.#consumed(chunk.credit);
      wanted();
    } else if (this.#ended !== undefined) {
      this.#wanted = undefined;
      if (this.#ended.error === undefined) this.#controller.close();
      else this.#controller.error(this.#ended.error);
      wanted();
    }
  }
}

/** The input of a channel as a Web stream: a write is done when the channel has taken all of it. */
export class Input {
  readonly stream: WritableStream<Uint8Array>;
  #rest:
    | { readonly bytes: Uint8Array; readonly done: () => void; readonly failed: (error: SshError) => void }
    | undefined;
  readonly #channel: Channel;
  #controller!: WritableStreamDefaultController;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.stream = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      write: (bytes) =>
        new Promise<void>((done, failed) => {
          this.#rest = { bytes, done, failed };
          this.writable();
        }),
      close: () => channel.end(),
      abort: () => channel.close(),
    });
  }

  /** The channel has room. */
  writable(): void {
    if (this.#rest === undefined) return;
    const { bytes, done, failed } = this.#rest;
    const taken = this.#channel.write(bytes);
    if (taken < bytes.length) {
      this.#rest = { bytes: bytes.subarray(taken), done, failed };
    } else {
      this.#rest = undefined;
      done();
    }
  }

  /** The channel is closed: what was not taken never will be. */
  closed(error: SshError): void {
    this.#rest?.failed(error);
    this.#rest = undefined;
    this.#controller.error(error);
  }
}
