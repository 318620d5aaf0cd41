import { SshError } from "@nacre/wire";

/** Where a direction's counting begins: for tests, and to go on with a recording. All 0 by default. */
export interface PacketCount {
  /** Sequence number of the next packet (uint32). */
  readonly sequenceNumber?: number;
  /** Packets that the present keys have served already. */
  readonly packetsSinceKeys?: number;
}

/** How much the keys of one direction have been used. */
export interface KeyUse {
  /** Bytes of the packets since the keys were taken into use, without their MACs. */
  readonly bytesSinceKeys: number;
  /** Packets since then. */
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
  /** Bytes of the last packet on the wire, its MAC included. */
  lastLength = 0;

  constructor(start: PacketCount = {}) {
    this.next = start.sequenceNumber ?? 0;
    this.packetsSinceKeys = start.packetsSinceKeys ?? 0;
  }

  /**
   * Throws `sequence-exhausted` when the next packet would use a sequence number that these keys have used before:
   * with AEAD ciphers a nonce, with MACs a replay (RFC 4253 §6.4, RFC 4344 §3.1).
   */
  check(): void {
    // rule: sequence-exhausted
    if (this.packetsSinceKeys >= 2 ** 32)
      throw new SshError("sequence-exhausted", "all 2^32 sequence numbers have been used since the last key exchange");
  }

  /** A packet has gone through: `length` bytes without its MAC, which takes `tagLength` more. */
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
