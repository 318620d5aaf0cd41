import { type Bytes, SshError } from "@nacre/wire";
import type { PacketOpener } from "./cipher.ts";
import { type KeyUse, type PacketCount, PacketCounter } from "./counters.ts";
import { plaintextOpener } from "./plaintext.ts";

const DEFAULT_MAXIMUM = 256 * 1024;
const FIRST_SLAB = 2 * 1024;
const LARGEST_SLAB = 256 * 1024;
const NO_LENGTH = -1;
const NOTHING = new Uint8Array(0);

/**
 * Cuts the byte stream of the peer into binary packets (RFC 4253 §6) and opens them. Plaintext until `useOpener`.
 *
 * Chunks are copied once, into slabs of its own, where every packet begins at a multiple of 4 bytes, as ciphers that work on
 * words need. Payloads are copied out, or are the fresh bytes of a cipher that gives such.
 */
export class PacketReader {
  /** Largest packet length field to accept, in bytes. A change holds from the next packet on. */
  maxPacketLength: number;
  /** Counted from `useOpener` on. */
  readonly keyUse: KeyUse;
  readonly #counter: PacketCounter;
  #opener: PacketOpener = plaintextOpener;
  #slab = NOTHING;
  /** `[#start, #end)` of the slab is received and not read yet. */
  #start = 0;
  #end = 0;
  #nextSlabSize = FIRST_SLAB;
  /** The packet length of the packet at `#start`, once its header was read. */
  #packetLength = NO_LENGTH;
  #failure: unknown;

  /**
   * `maxPacketLength`: largest packet length field to accept, in bytes. RFC 4253 §6.1 wants 35000 at least in all; the
   * default is 256 KiB, as OpenSSH has it.
   */
  constructor(options: { readonly maxPacketLength?: number; readonly start?: PacketCount } = {}) {
    this.maxPacketLength = options.maxPacketLength ?? DEFAULT_MAXIMUM;
    this.#counter = new PacketCounter(options.start);
    this.keyUse = this.#counter;
  }

  /** Bytes received and not read yet: not 0 at the end of a stream means that it was cut. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Sequence number of the packet last returned; −1 before the first. */
  get sequenceNumber(): number {
    return this.#counter.last;
  }

  /** Bytes on the wire of the packet last returned, its MAC included. */
  get lastPacketLength(): number {
    return this.#counter.lastLength;
  }

  /** Takes bytes from the peer, as they come. They are copied: the chunk stays the caller's. */
  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end + chunk.length > this.#slab.length) this.#makeRoom(chunk.length);
    this.#slab.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The payload of the next packet, at least 1 byte, or `undefined` until more has been pushed. The payload is the
   * caller's to read, and is not changed by what comes later.
   *
   * Throws `packet-length`, `packet-padding`, `mac-mismatch` or `sequence-exhausted`; from then on the stream has lost its
   * place, and every call throws the same.
   */
  next(): Bytes | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#next();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /**
   * Opens all later packets with new keys: called when `next` has returned NEWKEYS (RFC 4253 §7.3). Counting begins anew; the
   * sequence number goes on, or restarts at 0 under strict key exchange (OpenSSH PROTOCOL §1.10).
   */
  useOpener(opener: PacketOpener, options: { readonly resetSequence: boolean }): void {
    if (this.#packetLength !== NO_LENGTH) throw new SshError("internal", "keys changed in the middle of a packet");
    this.#opener = opener;
    this.#counter.newKeys(options.resetSequence);
  }

  /** Lets go of the slab, where nothing in it is to be read. */
  rest(): void {
    if (this.buffered > 0) return;
    this.#slab = NOTHING;
    this.#start = this.#end = 0;
    this.#nextSlabSize = FIRST_SLAB;
  }

  #next(): Bytes | undefined {
    const opener = this.#opener;
    const buffered = this.#end - this.#start;
    if (this.#packetLength === NO_LENGTH) {
      if (buffered < opener.headerLength) return undefined;
      this.#counter.check();
      if ((this.#start & 3) !== 0) this.#move(this.#slab.length);
      const packetLength = opener.readLength(this.#counter.next, this.#slab, this.#start);
      this.#checkLength(packetLength);
      this.#packetLength = packetLength;
    }
    const packetLength = this.#packetLength;
    const length = 4 + packetLength;
    if (buffered < length + opener.tagLength) return undefined;

    const slab = this.#slab;
    const clear = opener.open(this.#counter.next, slab, this.#start, length);
    this.#start += length + opener.tagLength;
    this.#packetLength = NO_LENGTH;
    this.#counter.count(length, opener.tagLength);

    const padding = clear[0]!;
    // A packet without a payload has no message number: nothing may send one (RFC 4253 §6).
    if (/* rule: padding-least */ padding < 4 || /* rule: padding-most */ padding > packetLength - 2)
      throw new SshError(
        "packet-padding",
        `a packet of length ${packetLength} says it has ${padding} bytes of padding`,
      );
    const end = packetLength - padding;
    if (clear.buffer !== slab.buffer) return clear.subarray(1, end);
    // Copied out, so that a slab serves again: fresh memory for the next one would cost more than the copy.
    return clear.slice(1, end);
  }

  /** RFC 4253 §6: room for one byte of padding length and 4 of padding, whole blocks, and no more than we take. */
  #checkLength(packetLength: number): void {
    const { blockSize, lengthIsPadded, tagLength } = this.#opener;
    const padded = lengthIsPadded ? 4 + packetLength : packetLength;
    if (
      packetLength >= 5 &&
      /* rule: packet-length-most */ packetLength <= this.maxPacketLength &&
      /* rule: packet-length-blocks */ padded % blockSize === 0
    )
      return;
    // Under a cipher the value is not authenticated yet and may be decrypted from bytes of an attacker's choice: it stays here.
    const what =
      /* rule: packet-length-untold */ tagLength === 0
        ? `a packet length of ${packetLength}`
        : "a packet length that cannot be";
    throw new SshError(
      "packet-length",
      `the peer sent ${what} (5 to ${this.maxPacketLength} bytes, whole blocks of ${blockSize})`,
    );
  }

  #makeRoom(more: number): void {
    const wholePacket = this.#packetLength === NO_LENGTH ? 0 : 4 + this.#packetLength + this.#opener.tagLength;
    const unread = this.buffered;
    const needed = Math.max(unread + more, wholePacket);
    // Moving within the slab pays where it frees more than it moves.
    if (needed <= this.#slab.length && unread <= this.#start) {
      this.#move(this.#slab.length);
      return;
    }
    this.#move(Math.max(needed, 2 * unread, this.#nextSlabSize));
    this.#nextSlabSize = Math.min(2 * this.#nextSlabSize, LARGEST_SLAB);
  }

  /** Moves what is unread to the front of a slab of that size: the same one, where it has it. */
  #move(size: number): void {
    if (size === this.#slab.length) {
      this.#slab.copyWithin(0, this.#start, this.#end);
    } else {
      const slab = new Uint8Array(size);
      slab.set(this.#slab.subarray(this.#start, this.#end));
      this.#slab = slab;
    }
    this.#end -= this.#start;
    this.#start = 0;
  }
}
