import { Duplex, Readable, Writable } from "node:stream";
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

/** Bytes that a stream holds before it makes its other end wait. */
const HIGH_WATER = 64 * 1024;

/** The types of Node's streams. */
export interface NodeStreams {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly pair: Duplex & PairFacts;
}

/** Node's streams over a channel. Their errors never end the program as unhandled ones. */
export const nodeStreams: StreamKind<NodeStreams> = {
  readable: (source, keep) => new ChannelReadable(source, keep),
  writable: (target) => new ChannelWritable(target),
  pair: (source, target, facts) => new ChannelPair(source, target, facts),
};

/** How far a stream that is read has come. */
type OutputState =
  | { readonly kind: "flowing" }
  /** No more bytes follow. Those that wait are read first; then the stream ends, or fails with `error`. */
  | { readonly kind: "ending"; readonly error: SshError | undefined }
  /** The stream has its end, behind the bytes that it holds. */
  | { readonly kind: "ended" };

/** The channel's end of a stream that is read. Bytes count as consumed when the stream has asked for them. */
class Output {
  readonly #stream: Readable;
  readonly #source: ReadSource;
  readonly #queue = new Backlog();
  #keep: number;
  #wanted = false;
  /** The last `read` found too little. */
  #hungry = false;
  #state: OutputState = { kind: "flowing" };

  constructor(stream: Readable, source: ReadSource, keep = Number.POSITIVE_INFINITY) {
    this.#stream = stream;
    this.#source = source;
    this.#keep = keep;
  }

  /** All bytes arrived. */
  get isWhole(): boolean {
    return this.#state.kind === "ended" || (this.#state.kind === "ending" && this.#state.error === undefined);
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

  /** The stream was read, and had no bytes if `found` is false. */
  wasRead(found: boolean): void {
    this.#hungry = !found;
    // An error destroys the bytes that a stream holds, so it comes when a reader has had them all.
    if (!found && this.#queue.isEmpty && this.#state.kind === "ending" && this.#state.error !== undefined)
      this.#stream.destroy(this.#state.error);
    this.#serve();
  }

  /** The stream wants bytes. */
  want(): void {
    this.#wanted = true;
    this.#serve();
  }

  /** The stream is destroyed: bytes that wait are dropped, and their credit returns. */
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

  /** Whether the stream is to have a chunk. It keeps as many arrays as it is given, so that small ones are gathered before it reads. */
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
  readonly #output: Output;

  constructor(source: ReadSource, keep?: number) {
    super({ highWaterMark: HIGH_WATER });
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
    callback(error);
  }
}

type WriteCallback = (error?: Error | null) => void;

interface Written {
  readonly chunk: Uint8Array;
}

/** The channel's end of a stream that is written to. */
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

  /** The target has taken all written data and has ended. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** A write waits for room. */
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
    this.#ended = true;
    this.#target.end();
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
   * The stream is destroyed, before its end unless `isOver`. `callback` and the pending write, which Node does not fail by itself, get the
   * error.
   */
  drop(error: Error | null, callback: WriteCallback, isOver = this.#ended): void {
    const done = this.#done;
    this.#rest = [];
    this.#done = undefined;
    if (!isOver) this.#target.abort();
    callback(error);
    done?.(error ?? new SshError("channel-closed", "the stream was destroyed before the peer took all written data"));
  }

  /** Offers the target the bytes that it has not taken. Returns whether it took all of them. */
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
 * Gives the callback of a write or an end the error that destroyed the stream, where Node would give ERR_STREAM_DESTROYED: a writer gets the
 * same reason whether its write or the end came first. Returns false if there is no such error, or no callback.
 */
function failsAtOnce({ errored }: Writable, values: readonly unknown[]): boolean {
  const callback = values.findLast((value) => typeof value === "function");
  if (errored === null || callback === undefined) return false;
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

/** Both directions; each ends on its own (`allowHalfOpen` is true). */
export class ChannelPair extends Duplex implements PairEnd<Duplex>, PairFacts {
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

  get stream(): Duplex & PairFacts {
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
   * Bytes that arrived stay readable: the stream fails when they have been read, and at once when nobody reads and a write waits. Without an
   * EOF the reader's side does the former itself.
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
