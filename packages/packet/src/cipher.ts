import type { Bytes } from "@nacre/wire";

/**
 * Seals the packets of one direction under one set of keys (RFC 4253 §6). The packet writer lays out a packet in its output
 * slab; the sealer encrypts and authenticates it there.
 */
export interface PacketSealer {
  /** Padding makes packets a multiple of this many bytes: the cipher's block, at least 8. */
  readonly blockSize: number;
  /** Whether the 4 bytes of the length field count towards that multiple: not with -etm MACs and AEAD ciphers. */
  readonly lengthIsPadded: boolean;
  /** Bytes of the MAC or tag behind the packet. */
  readonly tagLength: number;
  /**
   * Seals in place. The packet in the clear (length field, padding length, payload, padding) lies in `slab` at `offset`,
   * `length` bytes long, with `tagLength` bytes free behind it, which this fills.
   */
  seal(sequenceNumber: number, slab: Uint8Array, offset: number, length: number): void;
  /**
   * The same for a cipher that gives fresh bytes anyway: instead of copying them back, it returns them. They are the whole packet, or
   * all of it but the length field, which is then left in `slab` as it is sent; the tag is written behind the packet in `slab`.
   */
  sealApart?(sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Bytes;
}

/** Opens the packets of one direction under one set of keys (RFC 4253 §6). */
export interface PacketOpener {
  readonly blockSize: number;
  readonly lengthIsPadded: boolean;
  readonly tagLength: number;
  /** Bytes of a packet that must be there before `readLength` can tell its length: 4, or one block. */
  readonly headerLength: number;
  /**
   * The `packet_length` field of the packet that begins at `offset`. Called exactly once for each packet, before `open`;
   * may decrypt the header in place. Whether the length is allowed is the packet reader's business.
   */
  readLength(sequenceNumber: number, slab: Uint8Array, offset: number): number;
  /**
   * Verifies and decrypts the whole packet at `offset`, `length` bytes long with its length field and without its tag,
   * which follows. Returns what stands behind the length field in the clear (padding length, payload, padding): a view of
   * `slab`, decrypted in place, or fresh bytes, as suits the cipher. Throws `mac-mismatch`, without saying what was wrong.
   */
  open(sequenceNumber: number, slab: Bytes, offset: number, length: number): Bytes;
}

/** The keys of one direction, cut to the lengths that the algorithms ask for (RFC 4253 §7.2). */
export interface DirectionKeys {
  readonly key: Uint8Array;
  /** The initial IV. */
  readonly iv: Uint8Array;
  /** The integrity key; empty with an AEAD cipher. */
  readonly macKey: Uint8Array;
}

/** A MAC algorithm as both sides name it (RFC 4253 §6.4). */
export interface MacAlgorithm {
  /** `"hmac-sha2-256-etm@openssh.com"` */
  readonly name: string;
  /** Bytes. */
  readonly keyLength: number;
  /** Bytes. */
  readonly tagLength: number;
  /** Encrypt-then-MAC: the MAC covers the ciphertext and the length stays in the clear (OpenSSH PROTOCOL §1.5). */
  readonly etm: boolean;
  /** Keys the MAC once; the instance then serves packet after packet. */
  create(key: Uint8Array): Mac;
}

/** A keyed MAC. */
export interface Mac {
  /** MAC over the sequence number (uint32) and `slab[start, end)`, written to `out` at `offset`. */
  compute(sequenceNumber: number, slab: Uint8Array, start: number, end: number, out: Uint8Array, offset: number): void;
}

/** An encryption algorithm as both sides name it (RFC 4253 §6.3). */
export interface CipherAlgorithm {
  /** `"aes256-gcm@openssh.com"` */
  readonly name: string;
  /** Bytes. */
  readonly keyLength: number;
  /** Bytes. */
  readonly ivLength: number;
  /** An AEAD cipher: no MAC is negotiated beside it. */
  readonly aead: boolean;
  /** Bytes after which new keys must have been agreed (RFC 4344 §3.2; RFC 4253 §9 for ciphers with small blocks). */
  readonly maxBytes: number;
  /** `mac` is `undefined` exactly when `aead` is true. */
  createSealer(keys: DirectionKeys, mac: MacAlgorithm | undefined): PacketSealer;
  /** Creates the receiving side. `mac` is `undefined` exactly when `aead` is true. */
  createOpener(keys: DirectionKeys, mac: MacAlgorithm | undefined): PacketOpener;
}
