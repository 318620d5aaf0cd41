/** Remembers a message that was sent, because the peer may answer it with SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4). */
export interface SentMessage {
  /** Sequence number of its packet; `undefined` while it waits for the end of a key exchange. */
  sequenceNumber: number | undefined;
}

/** Where the layers above put their messages: implemented by the transport, used by authentication and connection. */
export interface PacketSink {
  /**
   * Sends a payload: a message with its number. It is copied before this returns. `sent` gets the sequence number of its packet, at once
   * or when a key exchange lets it leave.
   */
  write(payload: Uint8Array, sent?: SentMessage): void;
  /**
   * Begins a payload of `length` bytes and returns the bytes to fill in, which lie in the output slab where they can.
   * `commit` must follow before anything else is sent; then the bytes are the sink's.
   */
  begin(length: number): Uint8Array;
  /** Sends the payload that `begin` returned, now complete. */
  commit(): void;
  /** Bytes that wait to be taken by the socket. A layer with much to send stops at its high-water mark. */
  readonly pending: number;
  /** Whether a key exchange holds messages back: bulk data must then wait above (RFC 4253 §7.1). */
  readonly held: boolean;
  /** Whether this turn has sent and received enough: bulk data waits for the next one, so that other connections get theirs. */
  readonly turnOver: boolean;
}
