import { Duplex as NodeDuplex, Readable, Writable } from "node:stream";
import { type Bytes, SshError } from "@nacre/wire";
import {
  Backlog,
  type PairEnd,
  type PairFacts,
  type ReadEnd,
  type ReadSource,
  SMALL_CHUNK,
  type StreamKind,
  type WriteEnd,
  type WriteTarget,
} from "nacre/internal";

/** High-water mark of a stream in bytes. */
const HIGH_WATER = 64 * 1024;

/** Node's stream types. */
export interface NodeStreams {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly pair: NodeDuplex & PairFacts;
}

/** Creates Node streams over a channel. Their errors never become uncaught exceptions. */
export const nodeStreams: StreamKind<NodeStreams> = {
  readable: (source, keep) => new ChannelReadable(source, keep),
  writable: (target) => new ChannelWritable(target),
  pair: (source, target, facts) => new ChannelPair(source, target, facts),
};

/** State of a readable stream. */
type OutputState =
  | { readonly kind: "flowing" }
  /** No more bytes will arrive. After the queued bytes are read, the stream ends, or fails with `error`. */
  | { readonly kind: "ending"; readonly error: SshError | undefined }
  /** The end has been pushed to the stream, after its buffered bytes. */
  | { readonly kind: "ended" };

/** Feeds channel data to a readable stream. Bytes count as consumed when they are pushed on demand. */
class Output {
  readonly #stream: Readable;
  readonly #source: ReadSource;
  readonly #queue = new Backlog();
  #keep: number;
  #wanted = false;
  /** Whether the last `read` returned null. */
  #hungry = false;
  #state: OutputState = { kind: "flowing" };

  constructor(stream: Readable, source: ReadSource, keep = Number.POSITIVE_INFINITY) {
    this.#stream = stream;
    this.#source = source;
    this.#keep = keep;
  }

  /** Whether all bytes arrived without an error. */
  get isWhole(): boolean {
    return this.#state.kind === "ended" || (this.#state.kind === "ending" && this.#state.error === undefined);
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

class ChannelReadable extends Readable implements ReadEnd<Readable> {
  readonly #source: ReadSource;
  readonly #output: Output;

  constructor(source: ReadSource, keep?: number) {
    super({ highWaterMark: HIGH_WATER });
    this.#source = source;
    this.#output = new Output(this, source, keep);
    this.on("error", () => {});
  }

  get stream(): Readable {
    return this;
  }

  open(): void {
    this.#output.open();
  }

  receive(bytes: Bytes): void {
    this.#output.receive(bytes);
  }

  finish(error?: SshError): void {
    this.#output.finish(error);
  }

  override read(size?: number): Buffer | null {
    const bytes = super.read(size) as Buffer | null;
    if (size !== 0) this.#output.wasRead(bytes !== null);
    return bytes;
  }

  override _read(): void {
    this.#output.want();
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#output.drop();
    if (!this.#output.isOver) this.#source.cancelled?.();
    callback(error);
  }
}

type WriteCallback = (error?: Error | null) => void;

interface Written {
  readonly chunk: Uint8Array;
}

/** Passes data from a writable stream to the channel. */
class Input {
  readonly #stream: Writable;
  readonly #target: WriteTarget;
  #rest: readonly Written[] = [];
  #done: WriteCallback | undefined;
  #ended = false;

  constructor(stream: Writable, target: WriteTarget) {
    this.#stream = stream;
    this.#target = target;
  }

  /** Whether the stream ended after the channel accepted all data. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Whether a write is waiting for room. */
  get isWaiting(): boolean {
    return this.#done !== undefined;
  }

  room(): void {
    const done = this.#done;
    if (done === undefined) return;
    let error: Error | undefined;
    try {
      if (!this.#writeRest()) return;
    } catch (cause) {
      error = cause as Error;
    }
    this.#rest = [];
    this.#done = undefined;
    done(error);
  }

  write(chunks: readonly Written[], callback: WriteCallback): void {
    this.#rest = chunks;
    this.#done = callback;
    this.room();
  }

  end(callback: WriteCallback): void {
    // Set first: the target may close the stream while it ends.
    this.#ended = true;
    const ending = this.#target.end();
    if (ending === undefined) {
      callback();
      return;
    }
    this.#ended = false;
    void this.#finish(ending, callback);
  }

  async #finish(ending: Promise<void>, callback: WriteCallback): Promise<void> {
    try {
      await ending;
      this.#ended = true;
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }

  async finished(): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed) return;
    if (!stream.writableEnded) stream.end();
    if (stream.writableFinished) return;
    await new Promise<void>((resolve) => {
      stream.once("finish", resolve);
      stream.once("close", resolve);
    });
  }

  /**
   * Called when the stream is destroyed; aborts the channel's output unless `isOver`. Passes the error to `callback` and to the pending
   * write, whose callback Node does not call.
   */
  drop(error: Error | null, callback: WriteCallback, isOver = this.#ended): void {
    const done = this.#done;
    this.#rest = [];
    this.#done = undefined;
    if (!isOver) this.#target.abort();
    callback(error);
    done?.(error ?? new SshError("channel-closed", "the stream was destroyed before the peer took all written data"));
  }

  /** Writes pending bytes to the target. Returns whether it accepted all of them. */
  #writeRest(): boolean {
    const rest = this.#rest;
    for (const [index, { chunk }] of rest.entries()) {
      const taken = this.#target.write(chunk);
      if (taken < chunk.length) {
        this.#rest = [{ chunk: chunk.subarray(taken) }, ...rest.slice(index + 1)];
        return false;
      }
    }
    return true;
  }
}

/**
 * Passes the error that destroyed the stream to the callback of a write or end, instead of Node's ERR_STREAM_DESTROYED. A pending and a
 * later write thus fail with the same error. Returns false if there is no such error or no callback.
 */
function failsAtOnce({ errored }: Writable, values: readonly unknown[]): boolean {
  if (errored === null) return false;
  const callback = values.findLast((value) => typeof value === "function");
  if (callback === undefined) return false;
  process.nextTick(callback, errored);
  return true;
}

class ChannelWritable extends Writable implements WriteEnd<Writable> {
  readonly #input: Input;

  constructor(target: WriteTarget) {
    super({ highWaterMark: HIGH_WATER });
    this.#input = new Input(this, target);
    this.on("error", () => {});
  }

  get stream(): Writable {
    return this;
  }

  override write(...values: unknown[]): boolean {
    return !failsAtOnce(this, values) && super.write(...(values as [unknown]));
  }

  override end(...values: unknown[]): this {
    return failsAtOnce(this, values) ? this : super.end(...(values as []));
  }

  room(): void {
    this.#input.room();
  }

  fail(error: SshError): void {
    this.destroy(error);
  }

  finished(): Promise<void> {
    return this.#input.finished();
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, callback: WriteCallback): void {
    this.#input.write([{ chunk }], callback);
  }

  override _writev(chunks: readonly Written[], callback: WriteCallback): void {
    this.#input.write(chunks, callback);
  }

  override _final(callback: WriteCallback): void {
    this.#input.end(callback);
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#input.drop(error, callback);
  }
}

/** A Node `Duplex` over a channel. Each direction ends independently (`allowHalfOpen` is true). */
export class ChannelPair extends NodeDuplex implements PairEnd<NodeDuplex>, PairFacts {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly #output: Output;
  readonly #input: Input;

  constructor(source: ReadSource, target: WriteTarget, { remoteAddress, remotePort }: PairFacts) {
    super({ highWaterMark: HIGH_WATER });
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#output = new Output(this, source);
    this.#input = new Input(this, target);
    this.on("error", () => {});
  }

  get stream(): NodeDuplex & PairFacts {
    return this;
  }

  receive(bytes: Bytes): void {
    this.#output.receive(bytes);
  }

  finish(error?: SshError): void {
    this.#output.finish(error);
  }

  room(): void {
    this.#input.room();
  }

  /**
   * Fails the stream after the received bytes are read, or immediately if a write is pending and the stream is not being read. Without an
   * EOF, `Output` reports the error to the reader itself.
   */
  fail(error: SshError): void {
    if (this.#input.isEnded) return;
    if (this.readableEnded || (this.#input.isWaiting && this.readableFlowing === null)) this.destroy(error);
    else if (this.#output.isWhole) this.once("end", () => this.destroy(error));
  }

  override write(...values: unknown[]): boolean {
    return !failsAtOnce(this, values) && super.write(...(values as [unknown]));
  }

  override end(...values: unknown[]): this {
    return failsAtOnce(this, values) ? this : super.end(...(values as []));
  }

  override read(size?: number): Buffer | null {
    const bytes = super.read(size) as Buffer | null;
    if (size !== 0) this.#output.wasRead(bytes !== null);
    return bytes;
  }

  override _read(): void {
    this.#output.want();
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, callback: WriteCallback): void {
    this.#input.write([{ chunk }], callback);
  }

  override _writev(chunks: readonly Written[], callback: WriteCallback): void {
    this.#input.write(chunks, callback);
  }

  override _final(callback: WriteCallback): void {
    this.#input.end(callback);
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#output.drop();
    this.#input.drop(error, callback, this.readableEnded && this.#input.isEnded);
  }
}
