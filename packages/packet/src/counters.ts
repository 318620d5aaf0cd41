import { SshError } from "@nacre/wire";

/** Initial counters of one direction, for tests and for resuming a recording. Defaults are 0. */
export interface PacketCount {
  /** Sequence number of the next packet (uint32). */
  readonly sequenceNumber?: number;
  /** Packets already sent or received under the current keys. */
  readonly packetsSinceKeys?: number;
}

/** Amount of data processed under the current keys of one direction. */
export interface KeyUse {
  /** Bytes of the packets under the current keys, without their MACs. */
  readonly bytesSinceKeys: number;
  /** Packets under the current keys. */
  readonly packetsSinceKeys: number;
}

/** Counts the packets of one direction (RFC 4253 §6.4). */
export class PacketCounter implements KeyUse {
  /** Sequence number of the next packet. */
  next: number;
  packetsSinceKeys: number;
  bytesSinceKeys = 0;
  /** Sequence number of the last packet; −1 before the first. */
  last = -1;
  /** Length of the last packet in bytes, including its MAC. */
  lastLength = 0;

  constructor(start: PacketCount = {}) {
    this.next = start.sequenceNumber ?? 0;
    this.packetsSinceKeys = start.packetsSinceKeys ?? 0;
  }

  /**
   * Throws `sequence-exhausted` if the next packet would reuse a sequence number under the same keys. Reuse repeats a nonce of an AEAD
   * cipher, and allows replays with a MAC (RFC 4253 §6.4, RFC 4344 §3.1).
   */
  check(): void {
    // rule: sequence-exhausted
    if (this.packetsSinceKeys >= 2 ** 32)
      throw new SshError("sequence-exhausted", "all 2^32 sequence numbers have been used since the last key exchange");
  }

  /** Counts one packet of `length` bytes plus a MAC of `tagLength` bytes. */
  count(length: number, tagLength: number): void {
    this.last = this.next;
    this.next = (this.next + 1) >>> 0;
    this.packetsSinceKeys++;
    this.bytesSinceKeys += length;
    this.lastLength = length + tagLength;
  }

  newKeys(resetSequence: boolean): void {
    if (resetSequence) this.next = 0;
    this.packetsSinceKeys = 0;
    this.bytesSinceKeys = 0;
  }
}
