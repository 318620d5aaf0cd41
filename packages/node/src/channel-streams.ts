import { Readable, Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import type { Channel } from "nacre";

/** What a stream holds before it asks its other end to wait: bytes. */
const HIGH_WATER = 64 * 1024;

/** Where a `ChannelWritable` goes. */
export interface WritableTarget {
  /** Takes bytes, copying them, and returns how many: the rest is offered again when there is room. */
  write(bytes: Uint8Array): number;
  /** No more comes. */
  end(): void;
  /** The stream was destroyed before its end. */
  abort(): void;
}

interface Chunk {
  readonly bytes: Uint8Array;
  /** Window credit that returns when the stream takes the chunk. */
  readonly credit: number;
}

/** What comes from a channel as a Readable: bytes count as consumed when the stream has asked for them. */
export class ChannelReadable extends Readable {
  readonly #channel: Channel;
  readonly #queue: Chunk[] = [];
  #keep: number;
  #wanted = false;
  #finished: { readonly error: SshError | undefined } | undefined;

  /** `keep`: how many bytes to hold, with their credit returned at once, until `open` is called; what exceeds them is dropped. */
  constructor(channel: Channel, keep: number) {
    super({ highWaterMark: HIGH_WATER });
    this.#channel = channel;
    this.#keep = keep;
    this.on("error", () => {});
  }

  /** From now on the reader is expected to read: nothing is dropped. */
  open(): void {
    if (!this.destroyed) this.#keep = Number.POSITIVE_INFINITY;
  }

  receive(bytes: Uint8Array): void {
    if (this.#keep === Number.POSITIVE_INFINITY) {
      this.#queue.push({ bytes, credit: bytes.length });
    } else {
      const kept = bytes.slice(0, this.#keep);
      this.#keep -= kept.length;
      this.#channel.consumed(bytes.length);
      if (kept.length > 0) this.#queue.push({ bytes: kept, credit: 0 });
    }
    this.#serve();
  }

  /** No more comes. What has come is still read first. */
  finish(error?: SshError): void {
    this.#finished ??= { error };
    this.#serve();
  }

  override _read(): void {
    this.#wanted = true;
    this.#serve();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#keep = 0;
    for (const { credit } of this.#queue.splice(0)) this.#channel.consumed(credit);
    callback(error);
  }

  #serve(): void {
    while (this.#wanted) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#wanted = this.push(chunk.bytes);
        if (chunk.credit > 0) this.#channel.consumed(chunk.credit);
      } else if (this.#finished === undefined) {
        return;
      } else {
        this.#wanted = false;
        if (this.#finished.error === undefined) this.push(null);
        else this.destroy(this.#finished.error);
      }
    }
  }
}

interface Written {
  readonly chunk: Uint8Array;
}

/** What goes into a channel as a Writable: a write is done when the channel has taken all of it. */
export class ChannelWritable extends Writable {
  readonly #target: WritableTarget;
  #rest: readonly Written[] = [];
  #done: ((error?: Error) => void) | undefined;

  constructor(target: WritableTarget) {
    super({ highWaterMark: HIGH_WATER });
    this.#target = target;
    this.on("error", () => {});
  }

  /** The channel has room. */
  room(): void {
    const rest = this.#rest;
    for (const [index, { chunk }] of rest.entries()) {
      const taken = this.#target.write(chunk);
      if (taken < chunk.length) {
        this.#rest = [{ chunk: chunk.subarray(taken) }, ...rest.slice(index + 1)];
        return;
      }
    }
    this.#rest = [];
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    this._writev([{ chunk }], callback);
  }

  override _writev(chunks: readonly Written[], callback: (error?: Error | null) => void): void {
    this.#rest = chunks;
    this.#done = callback;
    try {
      this.room();
    } catch (error) {
      this.#done = undefined;
      callback(error as Error);
    }
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
    // Node itself tells only the writes that are still to come.
    done?.(error ?? new SshError("channel-closed", "the input was destroyed before the command had read it"));
  }
}
