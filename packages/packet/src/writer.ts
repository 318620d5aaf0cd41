import { type Bytes, type RandomSource, SshError } from "@nacre/wire";
import type { PacketSealer } from "./cipher.ts";
import { type NewKeys, type PacketCount, PacketCounter, type PacketCounts } from "./counters.ts";
import { plaintextSealer } from "./plaintext.ts";

/** Room for all that a server sends before the login, so that its EXT_INFO is read with its NEWKEYS, before the client chooses a key. */
const FIRST_SLAB = 3 * 1024;
/** Room for three packets of 32 KiB. From 128 KiB on, common allocators map new pages for each slab, which is slow. */
const LARGEST_SLAB = 104 * 1024;
const POOL = 2 * 1024;
/** Payload length in bytes from which a separate piece of output costs less than copying the packet again. */
const APART_FROM = 4 * 1024;
const NOTHING = new Uint8Array(0);
const NO_OUTPUT: readonly Bytes[] = [];

/**
 * Builds binary packets (RFC 4253 §6) from payloads and seals them, many in one output buffer (the slab). Packets are plaintext until
 * `useSealer`. If the cipher allocates its output, large packets become separate pieces of output, without a copy into the slab.
 *
 * The writer never changes bytes that `takeOutput` returned, so the caller can keep them. It continues in the rest of the slab. Packets
 * start at multiples of 4 bytes in the slab, because some ciphers process 32-bit words.
 */
export class PacketWriter {
  /** The packets written, and the use of the current keys, which `useSealer` resets. */
  readonly counts: PacketCounts;
  readonly #random: RandomSource;
  readonly #counter: PacketCounter;
  #sealer: PacketSealer = plaintextSealer;
  #slab = NOTHING;
  /** `[#taken, #end)` of the slab is output not taken yet; the bytes after `#end` are free. */
  #taken = 0;
  #end = 0;
  #nextSlabSize = FIRST_SLAB;
  /** Buffer in which packets for `sealApart` are built. It is never output, so it can be reused. */
  #draft = NOTHING;
  /** Output that precedes the output in the slab: pieces of previous slabs, and separately sealed packets. */
  #retired: Bytes[] = [];
  #retiredBytes = 0;
  /** Random bytes for padding, fetched for many packets at a time. */
  #pool: Uint8Array = NOTHING;
  #poolUsed = 0;
  /** Length of the payload between `begin` and `commit`; −1 otherwise. */
  #payloadLength = -1;
  /** Length of its padding. */
  #paddingLength = 0;
  /** Whether the packet between `begin` and `commit` is in `#draft`. */
  #inDraft = false;
  #failure: unknown;

  /** `random`: source of the padding bytes. */
  constructor(options: { readonly random: RandomSource; readonly start?: PacketCount }) {
    this.#random = options.random;
    this.#counter = new PacketCounter(options.start);
    this.counts = this.#counter;
  }

  /** Bytes of output not taken yet. */
  get pending(): number {
    return this.#retiredBytes + this.#end - this.#taken;
  }

  /** Copies bytes to the output without making a packet: the identification string (RFC 4253 §4.2). */
  writeRaw(bytes: Uint8Array): void {
    this.#refuseWhileBegun();
    const gap = -bytes.length & 3;
    this.#reserve(gap + bytes.length);
    if (gap > 0) this.#skip(gap);
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Writes a packet with a copy of the payload. Throws `sequence-exhausted` if the keys have no unused sequence number. */
  write(payload: Uint8Array): void {
    this.begin(payload.length).set(payload);
    this.commit();
  }

  /**
   * Starts a packet with a payload of `length` bytes, at least 1. Returns an array, with arbitrary initial content, for the caller to fill
   * before `commit`. Write nothing else before `commit`, and do not use the array after it. Throws `sequence-exhausted`, or the error that
   * sealing an earlier packet threw.
   */
  begin(length: number): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    this.#refuseWhileBegun();
    if (!(length > 0)) throw new SshError("internal", "`begin` needs a payload of at least 1 byte");
    this.#counter.check();
    const padding = this.#padding(length);
    const space = 5 + length + padding + this.#sealer.tagLength;
    this.#inDraft = length >= APART_FROM && this.#sealer.sealApart !== undefined;
    if (!this.#inDraft) {
      if ((this.#end & 3) !== 0) this.#skip(-this.#end & 3);
      this.#reserve(space);
    } else if (this.#draft.length < space) {
      this.#draft = new Uint8Array(space);
    }
    return this.#payload(length, padding);
  }

  /**
   * Lengthens the payload started with `begin` by `more` bytes, at least 1, and returns the whole payload, which replaces the array of
   * `begin`. Returns `undefined`, and changes nothing, if no payload is started, the slab has no room, or the packet would be so long that
   * it is better sealed apart.
   */
  extend(more: number): Uint8Array | undefined {
    const length = this.#payloadLength + more;
    if (length < more || length >= APART_FROM) return undefined;
    const padding = this.#padding(length);
    if (this.#end + 5 + length + padding + this.#sealer.tagLength > this.#slab.length) return undefined;
    return this.#payload(length, padding);
  }

  /** Seals the packet started with `begin`. If that throws, all later packets fail too, because reusing the key stream is insecure. */
  commit(): void {
    const payloadLength = this.#payloadLength;
    if (payloadLength < 0) throw new SshError("internal", "`commit` without a preceding `begin`");
    const padding = this.#paddingLength;
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

  /** Seals all later packets with new keys. Call it after writing NEWKEYS (RFC 4253 §7.3). */
  useSealer(sealer: PacketSealer, keys: NewKeys): void {
    this.#refuseWhileBegun();
    this.#sealer = sealer;
    this.#counter.newKeys(keys);
  }

  /**
   * Removes and returns the output, in order. There is usually one piece, and more after a slab is full or after separately sealed packets.
   * The caller owns the bytes.
   */
  takeOutput(): readonly Bytes[] {
    this.#retire();
    if (this.#retired.length === 0) return NO_OUTPUT;
    const output = this.#retired;
    this.#retired = [];
    this.#retiredBytes = 0;
    return output;
  }

  /** Frees all buffers if they contain no output. */
  releaseBuffers(): void {
    if (this.pending > 0 || this.#payloadLength >= 0) return;
    this.#slab = NOTHING;
    this.#draft = NOTHING;
    this.#taken = this.#end = 0;
    this.#nextSlabSize = FIRST_SLAB;
    this.#pool = NOTHING;
    this.#poolUsed = 0;
  }

  /** Returns the payload of `length` bytes in the packet between `begin` and `commit`. */
  #payload(length: number, padding: number): Uint8Array {
    this.#payloadLength = length;
    this.#paddingLength = padding;
    const [bytes, offset] = this.#inDraft ? [this.#draft, 0] : [this.#slab, this.#end];
    return bytes.subarray(offset + 5, offset + 5 + length);
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

  /** Makes the ciphertext a separate piece of output. Copies the length field and the tag around it to the slab. */
  #sealApart(sequenceNumber: number, length: number): void {
    const draft = this.#draft;
    const sealed = this.#sealer.sealApart!(sequenceNumber, draft, 0, length);
    const before = length - sealed.length;
    const { tagLength } = this.#sealer;
    this.#reserve(before + tagLength);
    this.#slab.set(draft.subarray(0, before), this.#end);
    this.#end += before;
    this.#retire();
    this.#retired.push(sealed);
    this.#retiredBytes += sealed.length;
    this.#slab.set(draft.subarray(length, length + tagLength), this.#end);
    this.#end += tagLength;
  }

  /** Returns the shortest padding of at least 4 bytes that results in whole blocks (RFC 4253 §6). */
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
    // Slabs grow with the traffic, so that an idle connection uses little memory.
    this.#slab = new Uint8Array(Math.max(this.#nextSlabSize, length + 3));
    this.#nextSlabSize = Math.min(2 * this.#nextSlabSize, LARGEST_SLAB);
    this.#taken = 0;
    this.#end = 0;
  }

  /** Leaves a gap of `length` bytes in the slab. The output before the gap becomes a separate piece. */
  #skip(length: number): void {
    this.#retire();
    this.#taken = this.#end = this.#end + length;
  }

  /** Moves the output in the slab to `#retired`. */
  #retire(): void {
    if (this.#taken === this.#end) return;
    this.#retired.push(this.#slab.subarray(this.#taken, this.#end));
    this.#retiredBytes += this.#end - this.#taken;
    this.#taken = this.#end;
  }

  #refuseWhileBegun(): void {
    if (this.#payloadLength >= 0) throw new SshError("internal", "`begin` was not followed by `commit`");
  }
}
