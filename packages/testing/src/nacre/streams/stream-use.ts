import type { StreamTypes } from "nacre";

/** Application's operations on streams of one kind. */
export interface StreamUse<K extends StreamTypes> {
  /** Reads a stream to its end as text. Rejects with the stream's error. */
  read(stream: K["readable"]): Promise<string>;
  /** Cancels a stream before its end. */
  cancel(stream: K["readable"]): unknown;
  /** Writes a chunk. Resolves when the write is done. */
  write(stream: K["writable"], chunk: Uint8Array): Promise<unknown>;
  /** Ends a stream. Resolves when it has ended. */
  end(stream: K["writable"]): Promise<unknown>;
  /** Aborts a stream before its end. */
  abort(stream: K["writable"]): unknown;
  /** Returns the two directions of a pair. */
  halves(pair: K["pair"]): { readonly readable: K["readable"]; readonly writable: K["writable"] };
  /** Destroys a pair before its end. */
  giveUp(pair: K["pair"]): unknown;
}
