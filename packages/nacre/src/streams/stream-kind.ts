import type { Bytes, SshError } from "@nacre/wire";

/** The types of one kind of streams: Web streams, or Node's. */
export interface StreamTypes {
  /** Gives bytes. */
  readonly readable: unknown;
  /** Takes bytes. */
  readonly writable: unknown;
  /** Does both: Node's `Duplex`, or `{ readable, writable }`. */
  readonly pair: unknown;
}

/** Makes streams of one kind. What needs streams of either kind is written once over this. */
export interface StreamKind<K extends StreamTypes> {
  /**
   * Makes a stream of bytes to read. They count as consumed when the reader takes them. `keep`: how many bytes to hold, with their credit
   * returned at once, until `open` is called; further bytes are dropped. Without it nothing is dropped.
   */
  readable(source: ReadSource, keep?: number): ReadEnd<K["readable"]>;
  /** Makes a stream to write to. A write is done when the target has taken all of it. */
  writable(target: WriteTarget): WriteEnd<K["writable"]>;
  /** Makes a stream for both directions, which end on their own. */
  pair(source: ReadSource, target: WriteTarget, facts: PairFacts): PairEnd<K["pair"]>;
}

/** What a pair of streams tells of the connection that it stands for. */
export interface PairFacts {
  /** Address that a forwarded connection came from. As the peer told it: escape it before showing it. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Gives a `ReadEnd` its bytes: a channel. */
export interface ReadSource {
  /** Returns the window credit of that many bytes. */
  consumed(bytes: number): void;
  /** The reader gave the stream up before its end. A Node pair has no call for this: it is destroyed as a whole. */
  cancelled?(): void;
}

/** The channel's end of a stream that an application reads. */
export interface ReadEnd<R> {
  readonly stream: R;
  /** Takes bytes for the reader, and keeps them. */
  receive(bytes: Bytes): void;
  /** No more bytes follow. The stream ends when all were read, or fails with `error`. */
  finish(error?: SshError): void;
  /** A reader has the stream: nothing is dropped from now on. */
  open(): void;
}

/** Takes what an application writes: a channel. */
export interface WriteTarget {
  /** Takes bytes, copying them, and returns how many. The rest is offered again when there is room. */
  write(bytes: Uint8Array): number;
  /** No more bytes follow. */
  end(): void;
  /** The stream was given up before its end. */
  abort(): void;
}

/** The channel's end of a stream that an application writes to. */
export interface WriteEnd<W> {
  readonly stream: W;
  /** The target has room. */
  room(): void;
  /** Fails the stream: the target takes no more. */
  fail(error: SshError): void;
  /** Resolves when all written data is taken or discarded. Never rejects. A Node stream ends with this. */
  finished(): Promise<void>;
}

/** The channel's end of a stream for both directions. */
export interface PairEnd<P>
  extends Pick<ReadEnd<P>, "stream" | "receive" | "finish">,
    Pick<WriteEnd<P>, "room" | "fail"> {}
