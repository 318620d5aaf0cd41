import type { Bytes, SshError } from "@nacre/wire";

/** The types of one kind of stream: Web streams or Node streams. */
export interface StreamTypes {
  /** A stream to read bytes from. */
  readonly readable: unknown;
  /** A stream to write bytes to. */
  readonly writable: unknown;
  /** A stream in both directions: a Node `Duplex`, or `{ readable, writable }`. */
  readonly pair: unknown;
}

/** Makes streams of one kind. Code written against this works with Web streams and with Node streams. */
export interface StreamKind<K extends StreamTypes> {
  /**
   * Makes a stream to read bytes from. Bytes count as consumed when the reader takes them. With `keep`, their credit returns immediately,
   * and at most `keep` bytes are held until `open` is called; further bytes are dropped. Without `keep`, nothing is dropped.
   */
  readable(source: ReadSource, keep?: number): ReadEnd<K["readable"]>;
  /** Makes a stream to write to. A write completes when the target has taken all its bytes. */
  writable(target: WriteTarget): WriteEnd<K["writable"]>;
  /** Makes a stream in both directions. Each direction ends separately. */
  pair(source: ReadSource, target: WriteTarget, facts: PairFacts): PairEnd<K["pair"]>;
}

/** Facts about the connection behind a pair of streams. */
export interface PairFacts {
  /** Origin address of a forwarded connection, as the peer reported it: escape it before display. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** The source of a `ReadEnd`'s bytes, such as a channel. */
export interface ReadSource {
  /** Returns window credit for `bytes` bytes. */
  consumed(bytes: number): void;
  /**
   * Called when the reader cancels or destroys the stream before its end. Not called for a Node pair, which can only be
   * destroyed as a whole.
   */
  cancelled?(): void;
}

/** The channel's side of a stream that the application reads. */
export interface ReadEnd<R> {
  readonly stream: R;
  /** Passes bytes to the reader and takes ownership of them. */
  receive(bytes: Bytes): void;
  /** Ends the stream after the queued bytes are read, or fails it then with `error`. */
  finish(error?: SshError): void;
  /** Stops dropping bytes, because the stream now has a reader. */
  open(): void;
}

/** The target of an application's writes, such as a channel. */
export interface WriteTarget {
  /** Copies bytes and returns the number taken. The rest is offered again when there is room. */
  write(bytes: Uint8Array): number;
  /** Called when no more bytes follow. The stream finishes when the returned promise resolves, and fails if it rejects. */
  end(): void | Promise<void>;
  /** Called when the stream is aborted before its end, or before the promise of `end` settles. */
  abort(): void;
}

/** The channel's side of a stream that the application writes to. */
export interface WriteEnd<W> {
  readonly stream: W;
  /** Continues the pending write: the target has room again. */
  room(): void;
  /** Fails the stream, because the target takes no more bytes. */
  fail(error: SshError): void;
  /** Resolves when all written data is taken or discarded. Never rejects. Also ends a Node stream. */
  finished(): Promise<void>;
}

/** The channel's side of a stream in both directions. */
export interface PairEnd<P>
  extends Pick<ReadEnd<P>, "stream" | "receive" | "finish">,
    Pick<WriteEnd<P>, "room" | "fail"> {}
