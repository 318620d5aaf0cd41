import { Readable, Writable } from "node:stream";
import { type Bytes, SshError } from "@nacre/wire";
import {
  Backlog,
  type ReadEnd,
  type ReadSource,
  SMALL_CHUNK,
  type StreamKind,
  type WriteEnd,
  type WriteTarget,
} from "nacre/parts";

/** Bytes that a stream holds before it makes its other end wait. */
const HIGH_WATER = 64 * 1024;

/** The types of Node's streams. */
export interface NodeStreams {
  readonly readable: Readable;
  readonly writable: Writable;
}

/** Node's streams over a channel. Their errors never end the program as unhandled ones. */
export const nodeStreams: StreamKind<NodeStreams> = {
  readable: (source, keep) => new ChannelReadable(source, keep),
  writable: (target) => new ChannelWritable(target),
};

/** Bytes count as consumed when the stream has asked for them. */
class ChannelReadable extends Readable implements ReadEnd<Readable> {
  readonly #source: ReadSource;
  readonly #queue = new Backlog();
  #keep: number;
  #wanted = false;
  /** The last `read` found too little. */
  #hungry = false;
  #finished: { readonly error: SshError | undefined } | undefined;
  #ended = false;

  constructor(source: ReadSource, keep = Number.POSITIVE_INFINITY) {
    super({ highWaterMark: HIGH_WATER });
    this.#source = source;
    this.#keep = keep;
    this.on("error", () => {});
  }

  get stream(): Readable {
    return this;
  }

  open(): void {
    if (!this.destroyed) this.#keep = Number.POSITIVE_INFINITY;
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
    this.#finished ??= { error };
    this.#serve();
  }

  override read(size?: number): Buffer | null {
    const bytes = super.read(size) as Buffer | null;
    if (size === 0) return bytes;
    this.#hungry = bytes === null;
    // An error destroys what a stream holds, so it comes when nothing is left that a reader could be given.
    if (bytes === null && this.#queue.isEmpty && this.#finished?.error !== undefined)
      this.destroy(this.#finished.error);
    this.#serve();
    return bytes;
  }

  override _read(): void {
    this.#wanted = true;
    this.#serve();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#keep = 0;
    const credit = this.#queue.clear();
    if (credit > 0) this.#source.consumed(credit);
    callback(error);
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
    this.#wanted = this.push(bytes);
    if (credit > 0) this.#source.consumed(credit);
  }

  /** Whether the stream is to have a chunk. It keeps as many arrays as it is given, so that small ones are gathered before it reads. */
  #takes(length: number): boolean {
    const may = this.readableLength === 0 || length >= SMALL_CHUNK || this.#hungry || this.#finished !== undefined;
    return this.#wanted && may;
  }

  #serve(): void {
    while (!this.#queue.isEmpty && this.#takes(this.#queue.nextLength)) {
      const { bytes, credit } = this.#queue.shift()!;
      this.#give(bytes, credit);
    }
    if (!this.#queue.isEmpty || this.#finished === undefined || this.destroyed || this.#ended) return;
    if (this.#finished.error === undefined) {
      this.#ended = true;
      this.push(null);
    } else if (this.readableLength === 0) {
      this.destroy(this.#finished.error);
    }
  }
}

type WriteCallback = (error?: Error | null) => void;

interface Written {
  readonly chunk: Uint8Array;
}

class ChannelWritable extends Writable implements WriteEnd<Writable> {
  readonly #target: WriteTarget;
  #rest: readonly Written[] = [];
  #done: WriteCallback | undefined;

  constructor(target: WriteTarget) {
    super({ highWaterMark: HIGH_WATER });
    this.#target = target;
    this.on("error", () => {});
  }

  get stream(): Writable {
    return this;
  }

  /**
   * Fails with the error that destroyed the stream, where Node would fail with ERR_STREAM_DESTROYED: a writer gets the same reason whether
   * its write or the end came first.
   */
  override write(chunk: unknown, encodingOrTold?: BufferEncoding | WriteCallback, told?: WriteCallback): boolean {
    const [encoding, callback] =
      typeof encodingOrTold === "function" ? [undefined, encodingOrTold] : [encodingOrTold, told];
    if (this.errored === null || callback === undefined) return super.write(chunk, encoding!, callback);
    process.nextTick(callback, this.errored);
    return false;
  }

  override end(...values: unknown[]): this {
    const callback = values.at(-1);
    if (this.errored === null || typeof callback !== "function") return super.end(...(values as []));
    process.nextTick(callback, this.errored);
    return this;
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

  fail(error: SshError): void {
    this.destroy(error);
  }

  async finished(): Promise<void> {
    if (this.destroyed) return;
    if (!this.writableEnded) this.end();
    if (this.writableFinished) return;
    await new Promise<void>((resolve) => {
      this.once("finish", resolve);
      this.once("close", resolve);
    });
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, callback: WriteCallback): void {
    this._writev([{ chunk }], callback);
  }

  override _writev(chunks: readonly Written[], callback: WriteCallback): void {
    this.#rest = chunks;
    this.#done = callback;
    this.room();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#target.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const done = this.#done;
    this.#rest = [];
    this.#done = undefined;
    if (!this.writableFinished) this.#target.abort();
    callback(error);
    // Node itself fails only the writes that follow.
    done?.(error ?? new SshError("channel-closed", "the input was destroyed before the command had read it"));
  }
}
