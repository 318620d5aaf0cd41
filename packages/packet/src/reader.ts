import { type Bytes, SshError } from "@nacre/wire";
import type { PacketOpener } from "./cipher.ts";
import { type NewKeys, type PacketCount, PacketCounter, type PacketCounts } from "./counters.ts";
import { plaintextOpener } from "./plaintext.ts";

const DEFAULT_MAXIMUM = 256 * 1024;
const FIRST_SLAB = 2 * 1024;
const LARGEST_SLAB = 256 * 1024;
const NO_LENGTH = -1;
const NOTHING = new Uint8Array(0);

/**
 * Splits the byte stream from the peer into binary packets (RFC 4253 §6) and opens them. Packets are plaintext until `useOpener`.
 *
 * Copies each chunk once, into an internal buffer (the slab). Packets there start at multiples of 4 bytes, because some ciphers process
 * 32-bit words. Payloads never share memory with the slab.
 */
export class PacketReader {
  /** Maximum value of the packet length field, in bytes. A change applies from the next packet on. */
  maxPacketLength: number;
  /** The packets returned, and the use of the current keys, which `useOpener` resets. */
  readonly counts: PacketCounts;
  readonly #counter: PacketCounter;
  #opener: PacketOpener = plaintextOpener;
  #slab = NOTHING;
  /** `[#start, #end)` of the slab contains received, unread bytes. */
  #start = 0;
  #end = 0;
  #nextSlabSize = FIRST_SLAB;
  /** Packet length of the packet at `#start`; `NO_LENGTH` until its header is read. */
  #packetLength = NO_LENGTH;
  #failure: unknown;

  /**
   * `maxPacketLength`: maximum value of the packet length field in bytes; default 256 KiB, as in OpenSSH. RFC 4253 §6.1 requires support
   * for packets of 35000 bytes.
   */
  constructor(options: { readonly maxPacketLength?: number; readonly start?: PacketCount } = {}) {
    this.maxPacketLength = options.maxPacketLength ?? DEFAULT_MAXIMUM;
    this.#counter = new PacketCounter(options.start);
    this.counts = this.#counter;
  }

  /** Number of received, unread bytes. If not 0 at the end of the stream, the stream was truncated. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Adds received bytes, in chunks of any size. Copies them. */
  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end + chunk.length > this.#slab.length) this.#makeRoom(chunk.length);
    this.#slab.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * Returns the payload of the next packet, at least 1 byte, or `undefined` if the packet is incomplete. The caller owns the payload,
   * and nothing else uses its buffer.
   *
   * Throws `packet-length`, `packet-padding`, `mac-mismatch` or `sequence-exhausted`. The stream cannot be resynchronized after that: all
   * later calls throw the same error.
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

  /** Opens all later packets with new keys. Call it after `next` returns NEWKEYS (RFC 4253 §7.3). */
  useOpener(opener: PacketOpener, keys: NewKeys): void {
    if (this.#packetLength !== NO_LENGTH) throw new SshError("internal", "keys changed in the middle of a packet");
    this.#opener = opener;
    this.#counter.newKeys(keys);
  }

  /** Frees the slab if it contains no unread bytes. */
  releaseBuffers(): void {
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
    // An empty payload is invalid: it has no message number (RFC 4253 §6).
    if (/* rule: padding-least */ padding < 4 || /* rule: padding-most */ padding > packetLength - 2)
      throw new SshError(
        "packet-padding",
        `a packet of length ${packetLength} has an invalid padding length of ${padding}`,
      );
    const end = packetLength - padding;
    if (clear.buffer !== slab.buffer) return clear.subarray(1, end);
    // Copied, so that the slab can be reused: allocating a new slab costs more than the copy.
    return clear.slice(1, end);
  }

  /** Checks that a packet holds a padding length and 4 bytes of padding, has whole blocks, and is not too long (RFC 4253 §6). */
  #checkLength(packetLength: number): void {
    const { blockSize, lengthIsPadded, tagLength } = this.#opener;
    const padded = lengthIsPadded ? 4 + packetLength : packetLength;
    if (
      packetLength >= 5 &&
      /* rule: packet-length-most */ packetLength <= this.maxPacketLength &&
      /* rule: packet-length-blocks */ padded % blockSize === 0
    )
      return;
    // An encrypted length is not authenticated yet. An attacker may have chosen the ciphertext, so the decrypted value stays secret.
    const what =
      /* rule: packet-length-untold */ tagLength === 0
        ? `invalid packet length ${packetLength}`
        : "invalid packet length";
    throw new SshError(
      "packet-length",
      `${what} from the peer; expected 5 to ${this.maxPacketLength} bytes in whole blocks of ${blockSize}`,
    );
  }

  #makeRoom(more: number): void {
    const wholePacket = this.#packetLength === NO_LENGTH ? 0 : 4 + this.#packetLength + this.#opener.tagLength;
    const unread = this.buffered;
    const needed = Math.max(unread + more, wholePacket);
    // Move within the slab only if that frees at least as many bytes as it copies.
    if (needed <= this.#slab.length && unread <= this.#start) {
      this.#move(this.#slab.length);
      return;
    }
    this.#move(Math.max(needed, 2 * unread, this.#nextSlabSize));
    this.#nextSlabSize = Math.min(2 * this.#nextSlabSize, LARGEST_SLAB);
  }

  /** Moves the unread bytes to the start of a slab of `size` bytes. Reuses the current slab if it has that size. */
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
