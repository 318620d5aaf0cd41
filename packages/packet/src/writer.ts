import { type RandomSource, SshError } from "@nacre/wire";
import type { PacketSealer } from "./cipher.ts";
import { type PacketCount, PacketCounter } from "./counters.ts";
import { plaintextSealer } from "./plaintext.ts";

const FIRST_SLAB = 4 * 1024;
const LARGEST_SLAB = 256 * 1024;
const POOL = 2 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * Lays out payloads as binary packets (RFC 4253 §6) and seals them, many to a slab. Plaintext until `useSealer`.
 *
 * What `takeOutput` has handed over is never written again, so its receiver may keep it for as long as it likes; the
 * writer goes on in the rest of the slab. Packets always begin at a multiple of 4 bytes in their slab, which ciphers that work
 * on words need.
 */
export class PacketWriter {
  readonly #random: RandomSource;
  readonly #counter: PacketCounter;
  #sealer: PacketSealer = plaintextSealer;
  #slab = NOTHING;
  /** `[#taken, #end)` of the slab waits to be taken; behind `#end` it is free. */
  #taken = 0;
  #end = 0;
  #nextSlabSize = FIRST_SLAB;
  /** Ends of former slabs, older than what waits in the slab. */
  #retired: Uint8Array[] = [];
  #retiredBytes = 0;
  /** Unpredictable padding, asked for many packets at once. */
  #pool: Uint8Array = NOTHING;
  #poolUsed = 0;
  /** The payload begun and not committed; −1 when there is none. */
  #payloadLength = -1;

  /** `random` fills the padding. */
  constructor(options: { readonly random: RandomSource; readonly start?: PacketCount }) {
    this.#random = options.random;
    this.#counter = new PacketCounter(options.start);
  }

  /** Bytes that wait to be taken. */
  get pending(): number {
    return this.#retiredBytes + this.#end - this.#taken;
  }

  /** Sequence number of the packet last written; −1 before the first. */
  get sequenceNumber(): number {
    return this.#counter.last;
  }

  /** Bytes on the wire of the packet last written, its MAC included. */
  get lastPacketLength(): number {
    return this.#counter.lastLength;
  }

  /** Packets since `useSealer`. */
  get packetsSinceKeys(): number {
    return this.#counter.packetsSinceKeys;
  }

  /** Bytes of the packets since `useSealer`, without their MACs. */
  get bytesSinceKeys(): number {
    return this.#counter.bytesSinceKeys;
  }

  /** Puts bytes as they stand into the output: the identification string (RFC 4253 §4.2). They are copied. */
  writeRaw(bytes: Uint8Array): void {
    this.#refuseWhileBegun();
    const gap = -bytes.length & 3;
    this.#reserve(gap + bytes.length);
    if (gap > 0) this.#skip(gap);
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Sends a payload, which is copied. Throws `sequence-exhausted` where the keys are used up. */
  write(payload: Uint8Array): void {
    this.#begin(payload.length);
    this.#slab.set(payload, this.#end + 5);
    this.commit();
  }

  /**
   * Begins a packet whose payload, at least 1 byte, is to be written into the returned bytes. They hold anything at first.
   * Nothing else may be written before `commit`, which takes them back. Throws `sequence-exhausted`.
   */
  begin(length: number): Uint8Array {
    this.#begin(length);
    return this.#slab.subarray(this.#end + 5, this.#end + 5 + length);
  }

  /** Seals the packet begun. */
  commit(): void {
    const payloadLength = this.#payloadLength;
    if (payloadLength < 0) throw new SshError("internal", "no packet was begun that could be committed");
    const padding = this.#padding(payloadLength);
    const packetLength = 1 + payloadLength + padding;
    const slab = this.#slab;
    const offset = this.#end;
    slab[offset] = packetLength >>> 24;
    slab[offset + 1] = packetLength >>> 16;
    slab[offset + 2] = packetLength >>> 8;
    slab[offset + 3] = packetLength;
    slab[offset + 4] = padding;
    this.#fillPadding(offset + 5 + payloadLength, padding);
    const sealer = this.#sealer;
    this.#payloadLength = -1;
    sealer.seal(this.#counter.next, slab, offset, 4 + packetLength);
    this.#counter.count(4 + packetLength, sealer.tagLength);
    this.#end = offset + 4 + packetLength + sealer.tagLength;
  }

  /**
   * Seals all later packets with new keys: called when NEWKEYS has been written (RFC 4253 §7.3). Counting begins anew; the
   * sequence number goes on, or restarts at 0 under strict key exchange (OpenSSH PROTOCOL §1.10).
   */
  useSealer(sealer: PacketSealer, options: { readonly resetSequence: boolean }): void {
    this.#refuseWhileBegun();
    this.#sealer = sealer;
    this.#counter.newKeys(options.resetSequence);
  }

  /**
   * Hands over what waits, oldest first, and `undefined` when nothing does: call it until then. The bytes belong to the
   * receiver; mostly there is one piece, and more when a slab ran out in between.
   */
  takeOutput(): Uint8Array | undefined {
    const retired = this.#retired.shift();
    if (retired !== undefined) {
      this.#retiredBytes -= retired.length;
      return retired;
    }
    if (this.#taken === this.#end) return undefined;
    const output = this.#slab.subarray(this.#taken, this.#end);
    this.#taken = this.#end;
    return output;
  }

  #begin(length: number): void {
    this.#refuseWhileBegun();
    if (!(length > 0)) throw new SshError("internal", "a packet needs a payload of at least 1 byte");
    this.#counter.check();
    if ((this.#end & 3) !== 0) this.#skip(-this.#end & 3);
    this.#reserve(5 + length + this.#padding(length) + this.#sealer.tagLength);
    this.#payloadLength = length;
  }

  /** The least padding, of at least 4 bytes, that makes whole blocks (RFC 4253 §6). */
  #padding(payloadLength: number): number {
    const { blockSize, lengthIsPadded } = this.#sealer;
    const padding = blockSize - (((lengthIsPadded ? 5 : 1) + payloadLength) % blockSize);
    return padding < 4 ? padding + blockSize : padding;
  }

  #fillPadding(offset: number, length: number): void {
    if (this.#poolUsed + length > this.#pool.length) {
      this.#pool = this.#random(POOL);
      this.#poolUsed = 0;
    }
    for (let i = 0; i < length; i++) this.#slab[offset + i] = this.#pool[this.#poolUsed + i]!;
    this.#poolUsed += length;
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#slab.length) return;
    this.#retire();
    // Slabs grow with the traffic, so that a connection which says little holds little.
    this.#slab = new Uint8Array(Math.max(this.#nextSlabSize, length + 3));
    this.#nextSlabSize = Math.min(2 * this.#nextSlabSize, LARGEST_SLAB);
    this.#taken = 0;
    this.#end = 0;
  }

  /** Leaves bytes of the slab unused: what waits before them is a piece of its own. */
  #skip(length: number): void {
    this.#retire();
    this.#taken = this.#end = this.#end + length;
  }

  #retire(): void {
    if (this.#taken === this.#end) return;
    this.#retired.push(this.#slab.subarray(this.#taken, this.#end));
    this.#retiredBytes += this.#end - this.#taken;
    this.#taken = this.#end;
  }

  #refuseWhileBegun(): void {
    if (this.#payloadLength >= 0) throw new SshError("internal", "a packet was begun and not committed");
  }
}
