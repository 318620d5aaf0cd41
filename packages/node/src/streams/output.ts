import type { Readable } from "node:stream";
import type { Bytes, SshError } from "@nacre/wire";
import { Backlog, type ReadSource, SMALL_CHUNK } from "nacre/extend";

/** State of a readable stream. */
type OutputState =
  | { readonly kind: "flowing" }
  /** No more bytes will arrive. After the queued bytes are read, the stream ends, or fails with `error`. */
  | { readonly kind: "ending"; readonly error: SshError | undefined }
  /** The end has been pushed to the stream, after its buffered bytes. */
  | { readonly kind: "ended" };

/** Feeds channel data to a readable stream. Bytes count as consumed when they are pushed on demand. */
export class Output {
  readonly #stream: Readable;
  readonly #source: ReadSource;
  readonly #queue = new Backlog();
  #keep: number;
  #wanted = false;
  /** Whether the last `read` returned null. */
  #hungry = false;
  #state: OutputState = { kind: "flowing" };

  constructor(stream: Readable, source: ReadSource, keep: number = Number.POSITIVE_INFINITY) {
    this.#stream = stream;
    this.#source = source;
    this.#keep = keep;
  }

  /** Whether all bytes arrived without an error. */
  get isWhole(): boolean {
    return this.#state.kind === "ended" || (this.#state.kind === "ending" && this.#state.error === undefined);
  }

  /** Whether the stream fails once the received bytes are read. */
  get isFailing(): boolean {
    return this.#state.kind === "ending" && this.#state.error !== undefined;
  }

  /** Whether the end of the stream, or the error, has arrived. */
  get isOver(): boolean {
    return this.#state.kind !== "flowing";
  }

  open(): void {
    if (!this.#stream.destroyed) this.#keep = Number.POSITIVE_INFINITY;
  }

  receive(bytes: Bytes): void {
    if (this.#keep === Number.POSITIVE_INFINITY) {
      this.#hand(bytes, bytes.length);
    } else {
      const kept = bytes.subarray(0, this.#keep);
      this.#keep -= kept.length;
      this.#source.consumed(bytes.length);
      if (kept.length > 0) this.#hand(kept, 0);
    }
  }

  finish(error?: SshError): void {
    if (this.#state.kind === "flowing") this.#state = { kind: "ending", error };
    this.#serve();
  }

  /** Called after a `read`; `found` is false if it returned null. */
  wasRead(found: boolean): void {
    this.#hungry = !found;
    // Destroying a stream discards its buffer, so the error waits until the reader has read everything.
    if (!found && this.#queue.isEmpty && this.#state.kind === "ending" && this.#state.error !== undefined)
      this.#stream.destroy(this.#state.error);
    this.#serve();
  }

  /** Called when the stream requests bytes. */
  want(): void {
    this.#wanted = true;
    this.#serve();
  }

  /** Called when the stream is destroyed. Discards queued bytes and returns their window credit. */
  drop(): void {
    this.#keep = 0;
    const credit = this.#queue.clear();
    if (credit > 0) this.#source.consumed(credit);
  }

  #hand(bytes: Bytes, credit: number): void {
    if (this.#queue.isEmpty && this.#takes(bytes.length)) {
      this.#give(bytes, credit);
    } else {
      this.#queue.push(bytes, credit);
      this.#serve();
    }
  }

  #give(bytes: Uint8Array, credit: number): void {
    this.#hungry = false;
    this.#wanted = this.#stream.push(bytes);
    if (credit > 0) this.#source.consumed(credit);
  }

  /**
   * Returns whether to push a chunk now. Node buffers each pushed array separately, so small chunks are collected until the stream is
   * empty.
   */
  #takes(length: number): boolean {
    const may =
      this.#stream.readableLength === 0 || length >= SMALL_CHUNK || this.#hungry || this.#state.kind !== "flowing";
    return this.#wanted && may;
  }

  #serve(): void {
    while (!this.#queue.isEmpty && this.#takes(this.#queue.nextLength)) {
      const { bytes, credit } = this.#queue.shift()!;
      this.#give(bytes, credit);
    }
    if (!this.#queue.isEmpty || this.#state.kind !== "ending" || this.#stream.destroyed) return;
    const { error } = this.#state;
    if (error === undefined) {
      this.#state = { kind: "ended" };
      this.#stream.push(null);
    } else if (this.#stream.readableLength === 0) {
      this.#stream.destroy(error);
    }
  }
}
