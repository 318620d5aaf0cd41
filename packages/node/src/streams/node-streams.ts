import { Duplex as NodeDuplex, Readable, Writable } from "node:stream";
import type { Bytes, SshError } from "@nacre/wire";
import type { PairEnd, PairFacts, ReadEnd, ReadSource, StreamKind, WriteEnd, WriteTarget } from "nacre/extend";
import type { ErrorPolicy, PolicyStream } from "./error-policy.ts";
import { failsAtOnce, Input, type WriteCallback, type Written } from "./input.ts";
import { Output } from "./output.ts";

/** High-water mark for writing, in bytes. */
const WRITE_HIGH_WATER = 64 * 1024;

/**
 * High-water mark for reading, in bytes. A `read` without a size, as in `for await`, copies all buffered chunks into one. With a mark below
 * the data of a full packet, such a chunk is buffered alone and handed over as it is: a tenth less CPU time for a download of 256 MiB.
 */
const READ_HIGH_WATER = 16 * 1024;

/** Node's stream types. */
export interface NodeStreams {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly pair: NodeDuplex & PairFacts;
}

/** Creates Node streams over a channel. An error without a listener is an uncaught exception, as for all streams of Node. */
// rule: stream-errors
export const nodeStreams: StreamKind<NodeStreams> = nodeStreamsWith(undefined);

/** Creates Node streams. `policy` may drop their errors that have no listener. It does not apply to pairs. */
export function nodeStreamsWith(policy: ErrorPolicy | undefined): StreamKind<NodeStreams> {
  return {
    readable: (source, keep) => new ChannelReadable(source, policy, keep),
    writable: (target) => new ChannelWritable(target, policy),
    pair: (source, target, facts) => new ChannelPair(source, target, facts),
  };
}

class ChannelReadable extends Readable implements ReadEnd<Readable>, PolicyStream {
  readonly #source: ReadSource;
  readonly #policy: ErrorPolicy | undefined;
  readonly #output: Output;
  #isPiped = false;

  constructor(source: ReadSource, policy: ErrorPolicy | undefined, keep: number | undefined) {
    super({ highWaterMark: READ_HIGH_WATER });
    this.#source = source;
    this.#policy = policy;
    this.#output = new Output(this, source, keep);
    policy?.add(this);
  }

  get isFailing(): boolean {
    return this.#output.isFailing;
  }

  misses({ code }: SshError): boolean {
    if (code === "closed") return this.listenerCount("end") > 0;
    return this.#isPiped || this.readableFlowing !== null || this.readableDidRead;
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

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (event === "error" && this.#policy?.drops(this, values[0]) === true) return false;
    return super.emit(event, ...values);
  }

  override read(size?: number): Buffer | null {
    const bytes = super.read(size) as Buffer | null;
    if (size !== 0) {
      this.#output.wasRead(bytes !== null);
      this.#policy?.usedLate(this);
    }
    return bytes;
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean | undefined }): T {
    this.#isPiped = true;
    // Node 26 and Deno do not read a destroyed stream.
    this.#policy?.usedLate(this);
    return super.pipe(destination, options);
  }

  override _read(): void {
    this.#output.want();
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#output.drop();
    if (!this.#output.isOver && this.#source.cancelled !== undefined) {
      this.#policy?.gaveUp();
      this.#source.cancelled();
    }
    callback(error);
  }
}

class ChannelWritable extends Writable implements WriteEnd<Writable>, PolicyStream {
  readonly #policy: ErrorPolicy | undefined;
  readonly #input: Input;
  #isFailing = false;
  #isWritten = false;
  /** Whether a write was waiting, or a pipe attached, when the stream failed. */
  #wasWaiting = false;
  #wasPiped = false;

  constructor(target: WriteTarget, policy: ErrorPolicy | undefined) {
    super({ highWaterMark: WRITE_HIGH_WATER });
    this.#policy = policy;
    this.#input = new Input(this, target);
    policy?.add(this);
  }

  get isFailing(): boolean {
    return this.#isFailing;
  }

  misses({ code }: SshError): boolean {
    // Without `fail`, a write has failed.
    if (!this.#isFailing || this.#wasWaiting) return true;
    if (code === "channel-closed") return false;
    return this.#wasPiped || (this.#isWritten && code !== "closed");
  }

  get stream(): Writable {
    return this;
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (event === "error" && this.#policy?.drops(this, values[0]) === true) return false;
    return super.emit(event, ...values);
  }

  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    this.#isWritten = true;
    if (this.errored !== null && failsAtOnce(this, [chunk, encoding, callback])) return false;
    this.#policy?.usedLate(this);
    return super.write(chunk, encoding as BufferEncoding, callback as WriteCallback);
  }

  override end(...values: unknown[]): this {
    this.#isWritten = true;
    return failsAtOnce(this, values) ? this : super.end(...(values as []));
  }

  room(): void {
    this.#input.room();
  }

  fail(error: SshError): void {
    if (this.destroyed) return;
    this.#isFailing = true;
    this.#wasWaiting = this.#input.isWaiting;
    this.#wasPiped = this.listenerCount("unpipe") > 0;
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
    if (!this.#isFailing && !this.#input.isEnded) this.#policy?.gaveUp();
    this.#input.drop(error, callback);
  }
}

/** A Node `Duplex` over a channel. Each direction ends independently (`allowHalfOpen` is true). */
export class ChannelPair extends NodeDuplex implements PairEnd<NodeDuplex>, PairFacts {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly #output: Output;
  readonly #input: Input;
  /** Whether a pipe or a write was waiting when the stream was destroyed. */
  #isAwaited = false;

  constructor(source: ReadSource, target: WriteTarget, { remoteAddress, remotePort }: PairFacts) {
    super({ readableHighWaterMark: READ_HIGH_WATER, writableHighWaterMark: WRITE_HIGH_WATER });
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#output = new Output(this, source);
    this.#input = new Input(this, target);
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

  /** Drops the error of a connection that the program closed itself, unless a listener, a reader to the end or a write waits for it. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    // rule: pair-errors
    const isOwn = event === "error" && (values[0] as Partial<SshError> | undefined)?.code === "closed";
    if (isOwn && !this.#isAwaited && this.listenerCount("error") + this.listenerCount("end") === 0) return false;
    return super.emit(event, ...values);
  }

  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (this.errored !== null && failsAtOnce(this, [chunk, encoding, callback])) return false;
    return super.write(chunk, encoding as BufferEncoding, callback as WriteCallback);
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
    this.#isAwaited = this.#input.isWaiting || this.listenerCount("unpipe") > 0;
    this.#output.drop();
    this.#input.drop(error, callback, this.readableEnded && this.#input.isEnded);
  }
}
