/** Identifies a sent message, to match an SSH_MSG_UNIMPLEMENTED from the peer to it (RFC 4253 §11.4). */
export interface SentMessage {
  /** Sequence number of its packet; `undefined` while a key exchange delays the message. */
  sequenceNumber: number | undefined;
}

/** Accepts messages from the layers above. The transport implements it; authentication and connection use it. */
export interface PacketSink {
  /**
   * Sends a payload: a message including its number. Copies it before returning. Sets `sent.sequenceNumber` when the packet is written:
   * now, or after the current key exchange.
   */
  write(payload: Uint8Array, sent?: SentMessage): void;
  /**
   * Starts a payload of `header` and `length` bytes and returns an array for the caller to fill, if possible directly in the output buffer.
   * Call `commit` before sending anything else, and do not write to the array after that.
   *
   * If the last message was committed with the same `stream`, is not sealed yet, and gets no longer than `header` and `most` bytes, returns
   * its payload instead, lengthened by `length` bytes.
   */
  begin(header: number, length: number, stream: number, most: number): Uint8Array;
  /**
   * Sends the payload of `begin`, after the caller filled it. With a `stream` greater than 0, which the caller chooses, the packet is
   * sealed only before the next one or when output is taken. Until then `begin` can lengthen it.
   */
  commit(stream: number): void;
  /** Bytes waiting for the socket. A layer that sends bulk data stops at its high-water mark. */
  readonly pending: number;
  /** Whether a key exchange delays messages. The layers above must then stop sending bulk data (RFC 4253 §7.1). */
  readonly held: boolean;
  /**
   * Whether the turn has exceeded its share of work. Bulk data then waits for the next turn. A turn that has just used up its share allows
   * one more packet, so that the answer to its last received packet does not wait.
   */
  readonly turnOver: boolean;
}
