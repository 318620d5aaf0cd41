import { type Bytes, type RandomSource, SshError } from "@nacre/wire";
import type { PacketSealer } from "./cipher.ts";
import { type KeyUse, type PacketCount, PacketCounter } from "./counters.ts";
import { plaintextSealer } from "./plaintext.ts";

const FIRST_SLAB = 2 * 1024;
/** Three packets of 32 KiB. From 128 KiB on the usual allocator has fresh pages mapped for each slab, which cost more than they hold. */
const LARGEST_SLAB = 104 * 1024;
const POOL = 2 * 1024;
/** From this payload on, a piece of output of its own costs less than copying the packet once more. */
const APART_FROM = 4 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * Lays out payloads as binary packets (RFC 4253 §6) and seals them, many to a slab. Plaintext until `useSealer`. Where the cipher
 * gives fresh bytes, those of large packets leave as they are, between pieces of the slab.
 *
 * What `takeOutput` has handed over is never written again, so its receiver may keep it for as long as it likes; the
 * writer goes on in the rest of the slab. Packets always begin at a multiple of 4 bytes in their slab, which ciphers that work
 * on words need.
 */
export class PacketWriter {
  /** Counted from `useSealer` on. */
  readonly keyUse: KeyUse;
  readonly #random: RandomSource;
  readonly #counter: PacketCounter;
  #sealer: PacketSealer = plaintextSealer;
  #slab = NOTHING;
  /** `[#taken, #end)` of the slab waits to be taken; behind `#end` it is free. */
  #taken = 0;
  #end = 0;
  #nextSlabSize = FIRST_SLAB;
  /** Where large packets are laid out that are sealed apart: never handed over, so used again and again. */
  #draft = NOTHING;
  /** Ends of former slabs and packets sealed apart, older than what waits in the slab. */
  #retired: Bytes[] = [];
  #retiredBytes = 0;
  /** Unpredictable padding, asked for many packets at once. */
  #pool: Uint8Array = NOTHING;
  #poolUsed = 0;
  /** The payload begun and not committed; −1 when there is none. */
  #payloadLength = -1;
  /** Its packet lies in the draft. */
  #inDraft = false;
  #failure: unknown;

  /** `random` fills the padding. */
  constructor(options: { readonly random: RandomSource; readonly start?: PacketCount }) {
    this.#random = options.random;
    this.#counter = new PacketCounter(options.start);
    this.keyUse = this.#counter;
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

  /** Puts bytes as they stand into the output: the identification string (RFC 4253 §4.2). They are copied. */
  writeRaw(bytes: Uint8Array): void {
    this.#refuseWhileBegun();
    const gap = -bytes.length & 3;
    this.#reserve(gap + bytes.length);
    if (gap > 0) this.#skip(gap);
    this.#append(bytes);
  }

  /** Sends a payload, which is copied. Throws `sequence-exhausted` where the keys are used up. */
  write(payload: Uint8Array): void {
    this.begin(payload.length).set(payload);
    this.commit();
  }

  /**
   * Begins a packet whose payload, at least 1 byte, is to be written into the returned bytes. They hold anything at first.
   * Nothing else may be written before `commit`, which takes them back. Throws `sequence-exhausted`, and what sealing a packet
   * before has thrown.
   */
  begin(length: number): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    this.#refuseWhileBegun();
    if (!(length > 0)) throw new SshError("internal", "a packet needs a payload of at least 1 byte");
    this.#counter.check();
    const space = 5 + length + this.#padding(length) + this.#sealer.tagLength;
    this.#inDraft = length >= APART_FROM && this.#sealer.sealApart !== undefined;
    if (!this.#inDraft) {
      if ((this.#end & 3) !== 0) this.#skip(-this.#end & 3);
      this.#reserve(space);
    } else if (this.#draft.length < space) {
      this.#draft = new Uint8Array(space);
    }
    this.#payloadLength = length;
    const [bytes, offset] = this.#inDraft ? [this.#draft, 0] : [this.#slab, this.#end];
    return bytes.subarray(offset + 5, offset + 5 + length);
  }

  /** Seals the packet begun. When that throws, nothing more can be sealed: its key stream must not serve another packet. */
  commit(): void {
    const payloadLength = this.#payloadLength;
    if (payloadLength < 0) throw new SshError("internal", "no packet was begun that could be committed");
    const padding = this.#padding(payloadLength);
    const packetLength = 1 + payloadLength + padding;
    const [slab, offset] = this.#inDraft ? [this.#draft, 0] : [this.#slab, this.#end];
    slab[offset] = packetLength >>> 24;
    slab[offset + 1] = packetLength >>> 16;
    slab[offset + 2] = packetLength >>> 8;
    slab[offset + 3] = packetLength;
    slab[offset + 4] = padding;
    this.#fillPadding(slab, offset + 5 + payloadLength, padding);
    this.#payloadLength = -1;
    const length = 4 + packetLength;
    try {
      this.#seal(slab, offset, length);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    this.#counter.count(length, this.#sealer.tagLength);
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
   * receiver; mostly there is one piece, and more when a slab ran out in between, or for packets sealed apart.
   */
  takeOutput(): Bytes | undefined {
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

  /** Lets go of buffers, where nothing waits in them. */
  rest(): void {
    if (this.pending > 0 || this.#payloadLength >= 0) return;
    this.#slab = NOTHING;
    this.#draft = NOTHING;
    this.#taken = this.#end = 0;
    this.#nextSlabSize = FIRST_SLAB;
    this.#pool = NOTHING;
    this.#poolUsed = 0;
  }

  #seal(slab: Uint8Array, offset: number, length: number): void {
    const { next } = this.#counter;
    if (this.#inDraft) {
      this.#sealApart(next, length);
    } else {
      this.#sealer.seal(next, slab, offset, length);
      this.#end = offset + length + this.#sealer.tagLength;
    }
  }

  /** What is encrypted becomes a piece of output of its own; the length field and the tag around it are copied into the slab. */
  #sealApart(sequenceNumber: number, length: number): void {
    const draft = this.#draft;
    const sealed = this.#sealer.sealApart!(sequenceNumber, draft, 0, length);
    this.#append(draft.subarray(0, length - sealed.length));
    this.#retire();
    this.#retired.push(sealed);
    this.#retiredBytes += sealed.length;
    this.#append(draft.subarray(length, length + this.#sealer.tagLength));
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The least padding, of at least 4 bytes, that makes whole blocks (RFC 4253 §6). */
  #padding(payloadLength: number): number {
    const { blockSize, lengthIsPadded } = this.#sealer;
    const padding = blockSize - (((lengthIsPadded ? 5 : 1) + payloadLength) % blockSize);
    return padding < 4 ? padding + blockSize : padding;
  }

  #fillPadding(slab: Uint8Array, offset: number, length: number): void {
    if (this.#poolUsed + length > this.#pool.length) {
      this.#pool = this.#random(POOL);
      this.#poolUsed = 0;
    }
    for (let i = 0; i < length; i++) slab[offset + i] = this.#pool[this.#poolUsed + i]!;
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
