import type { Bytes } from "@nacre/wire";

/**
 * Encrypts and authenticates (“seals”) the packets of one direction under one set of keys (RFC 4253 §6). The packet writer builds a packet
 * in its output buffer, the slab; the sealer seals it there.
 */
export interface PacketSealer {
  /** Packets are padded to a multiple of this number of bytes: the block size of the cipher, at least 8. */
  readonly blockSize: number;
  /** Whether the padded length includes the 4-byte length field. False for -etm MACs and AEAD ciphers. */
  readonly lengthIsPadded: boolean;
  /** Length in bytes of the MAC or tag after the packet. */
  readonly tagLength: number;
  /**
   * Seals a packet in place. `slab` contains the plaintext packet (length field, padding length, payload, padding) at `offset`, `length`
   * bytes long, and then room for the tag, which this method writes.
   */
  seal(sequenceNumber: number, slab: Uint8Array, offset: number, length: number): void;
  /**
   * Seals a packet like `seal`, but returns the ciphertext in a new array. Avoids a copy for ciphers that allocate their output. The result
   * is the whole packet. If the cipher leaves the sealed length field in `slab`, the result is the packet without it. Writes the tag after
   * the packet in `slab`.
   */
  sealApart?(sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Bytes;
}

/** Verifies and decrypts (“opens”) the packets of one direction under one set of keys (RFC 4253 §6). */
export interface PacketOpener {
  readonly blockSize: number;
  readonly lengthIsPadded: boolean;
  readonly tagLength: number;
  /** Number of bytes that `readLength` needs to determine the length of a packet: 4, or one block. */
  readonly headerLength: number;
  /**
   * Returns the `packet_length` field of the packet at `offset`. Call it exactly once per packet, before `open`: it may decrypt the header
   * in place. Does not validate the length; the packet reader does.
   */
  readLength(sequenceNumber: number, slab: Uint8Array, offset: number): number;
  /**
   * Verifies and decrypts the packet at `offset`. `length` is in bytes and includes the length field but not the tag after the packet.
   * Returns the plaintext after the length field (padding length, payload, padding), either as a view of `slab` or as a new array. Throws
   * `mac-mismatch` without further detail.
   */
  open(sequenceNumber: number, slab: Bytes, offset: number, length: number): Bytes;
}

/** The keys of one direction, in the lengths that the algorithms require (RFC 4253 §7.2). */
export interface DirectionKeys {
  readonly key: Uint8Array;
  /** The initial IV. */
  readonly iv: Uint8Array;
  /** The integrity key; empty for an AEAD cipher. */
  readonly macKey: Uint8Array;
}

/** A MAC algorithm (RFC 4253 §6.4). */
export interface MacAlgorithm {
  /** Name as negotiated: `"hmac-sha2-256-etm@openssh.com"`. */
  readonly name: string;
  /** Key length in bytes. */
  readonly keyLength: number;
  /** Length of the MAC in bytes. */
  readonly tagLength: number;
  /** Encrypt-then-MAC: the MAC covers the ciphertext, and the length field is not encrypted (OpenSSH PROTOCOL §1.5). */
  readonly etm: boolean;
  /** Creates a MAC instance with this key, for any number of packets. */
  create(key: Uint8Array): Mac;
}

/** A keyed MAC. */
export interface Mac {
  /** Computes the MAC over the sequence number (uint32) and `slab[start, end)`. Writes it to `out` at `offset`. */
  compute(sequenceNumber: number, slab: Uint8Array, start: number, end: number, out: Uint8Array, offset: number): void;
}

/** An encryption algorithm (RFC 4253 §6.3). */
export interface CipherAlgorithm {
  /** Name as negotiated: `"aes256-gcm@openssh.com"`. */
  readonly name: string;
  /** Key length in bytes. */
  readonly keyLength: number;
  /** Length of the initial IV in bytes. */
  readonly ivLength: number;
  /** Whether the cipher is an AEAD cipher, which needs no separate MAC. */
  readonly aead: boolean;
  /** Maximum number of bytes under one key; a rekey must complete before that (RFC 4344 §3.2; RFC 4253 §9 for small block sizes). */
  readonly maxBytes: number;
  /** Creates the sending side. `mac` is `undefined` exactly when `aead` is true. */
  createSealer(keys: DirectionKeys, mac: MacAlgorithm | undefined): PacketSealer;
  /** Creates the receiving side. `mac` is `undefined` exactly when `aead` is true. */
  createOpener(keys: DirectionKeys, mac: MacAlgorithm | undefined): PacketOpener;
}
