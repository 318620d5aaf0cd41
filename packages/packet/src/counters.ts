import { SshError } from "@nacre/wire";

/** Initial counters of one direction, for tests and for resuming a recording. Defaults are 0. */
export interface PacketCount {
  /** Sequence number of the next packet (uint32). */
  readonly sequenceNumber?: number;
  /** Packets already sent or received under the current keys. */
  readonly packetsSinceKeys?: number;
}

/** Use of new keys, from the next packet on. */
export interface NewKeys {
  /** Whether sequence numbers restart at 0, under strict key exchange (OpenSSH PROTOCOL §1.10). */
  readonly resetSequence: boolean;
  /** Bytes and packets after which `PacketCounts.isUsedUp` is true; default unlimited. */
  readonly maxBytes?: number;
  readonly maxPackets?: number;
}

/** Packets of one direction, and the use of its current keys. */
export interface PacketCounts {
  /** Sequence number of the last packet; −1 before the first. */
  readonly sequenceNumber: number;
  /** Length of the last packet on the wire in bytes, including its MAC. */
  readonly lastPacketLength: number;
  /** Bytes of the packets under the current keys, without their MACs. */
  readonly bytesSinceKeys: number;
  /** Packets under the current keys. */
  readonly packetsSinceKeys: number;
  /** Whether the keys have reached their limit of bytes or packets. New ones are needed; these can still be used. */
  readonly isUsedUp: boolean;
}

/** Counts the packets of one direction (RFC 4253 §6.4). */
export class PacketCounter implements PacketCounts {
  /** Sequence number of the next packet. */
  next: number;
  packetsSinceKeys: number;
  bytesSinceKeys = 0;
  isUsedUp = false;
  #maxBytes = Infinity;
  #maxPackets = Infinity;
  sequenceNumber = -1;
  lastPacketLength = 0;

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
    this.sequenceNumber = this.next;
    this.next = (this.next + 1) >>> 0;
    this.packetsSinceKeys++;
    this.bytesSinceKeys += length;
    this.lastPacketLength = length + tagLength;
    if (this.bytesSinceKeys >= this.#maxBytes || this.packetsSinceKeys >= this.#maxPackets) this.isUsedUp = true;
  }

  newKeys({ resetSequence, maxBytes = Infinity, maxPackets = Infinity }: NewKeys): void {
    if (resetSequence) this.next = 0;
    this.packetsSinceKeys = 0;
    this.bytesSinceKeys = 0;
    this.isUsedUp = false;
    this.#maxBytes = maxBytes;
    this.#maxPackets = maxPackets;
  }
}
