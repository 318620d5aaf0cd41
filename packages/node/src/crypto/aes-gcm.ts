import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { type Bytes, concatBytes, readUint32 } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { checkKeys, mismatch } from "./check.ts";
import { cipherOrPortable } from "./or-portable.ts";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** RFC 5647, chosen as in OpenSSH PROTOCOL §1.6, on node:crypto. */
export const aes128Gcm: CipherAlgorithm = aesGcm("aes128-gcm@openssh.com", "aes-128-gcm", 16);
/** RFC 5647, chosen as in OpenSSH PROTOCOL §1.6, on node:crypto. */
export const aes256Gcm: CipherAlgorithm = aesGcm("aes256-gcm@openssh.com", "aes-256-gcm", 32);

type GcmName = "aes-128-gcm" | "aes-256-gcm";

function aesGcm(name: string, openssl: GcmName, keyLength: number): CipherAlgorithm {
  const algorithm: CipherAlgorithm = {
    name,
    keyLength,
    ivLength: NONCE_LENGTH,
    aead: true,
    // RFC 4344 §3.2: 2^(L/4) blocks of L = 128 bits.
    maxBytes: 2 ** 36,
    createSealer(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return new GcmSealer(openssl, keys);
    },
    createOpener(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return new GcmOpener(openssl, keys);
    },
  };
  return cipherOrPortable(algorithm);
}

/** Classes, and no closures: a server holds one of each for every connection. */
abstract class Gcm {
  // RFC 5647 §7.2: whole blocks without the length field, which is authenticated and not encrypted.
  readonly blockSize = 16;
  readonly lengthIsPadded = false;
  readonly tagLength = TAG_LENGTH;
  readonly #openssl: GcmName;
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;

  constructor(openssl: GcmName, keys: DirectionKeys) {
    const { key, nonce } = copies(keys);
    this.#openssl = openssl;
    this.#key = key;
    this.#nonce = nonce;
  }

  protected cipher(): CipherGCM {
    return createCipheriv(this.#openssl, this.#key, this.#nonce);
  }

  protected decipher(): DecipherGCM {
    return createDecipheriv(this.#openssl, this.#key, this.#nonce);
  }

  /** Makes the nonce the next packet's. */
  protected advance(): void {
    increment(this.#nonce);
  }
}

class GcmSealer extends Gcm implements PacketSealer {
  seal(_sequenceNumber: number, slab: Uint8Array, offset: number, length: number): void {
    slab.set(this.#seal(slab, offset, length), offset + 4);
  }

  sealApart(_sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Bytes {
    return plainBytes(this.#seal(slab, offset, length));
  }

  #seal(slab: Uint8Array, offset: number, length: number): Buffer<ArrayBuffer> {
    const end = offset + length;
    const cipher = this.cipher();
    cipher.setAAD(slab.subarray(offset, offset + 4));
    const sealed = cipher.update(slab.subarray(offset + 4, end));
    cipher.final();
    slab.set(cipher.getAuthTag(), end);
    this.advance();
    return sealed;
  }
}

class GcmOpener extends Gcm implements PacketOpener {
  readonly headerLength = 4;

  readLength(_sequenceNumber: number, slab: Uint8Array, offset: number): number {
    return readUint32(slab, offset);
  }

  open(_sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Bytes {
    const end = offset + length;
    const decipher = this.decipher();
    decipher.setAAD(slab.subarray(offset, offset + 4));
    decipher.setAuthTag(slab.subarray(end, end + TAG_LENGTH));
    const clear = decipher.update(slab.subarray(offset + 4, end));
    try {
      decipher.final();
    } catch {
      throw mismatch();
    }
    this.advance();
    return plainBytes(clear);
  }
}

/** One piece of memory for both: a piece costs more than what is in it, and a server holds two of them for each connection. */
function copies({ key, iv }: DirectionKeys): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const both = concatBytes(key, iv);
  return { key: both.subarray(0, key.length), nonce: both.subarray(key.length) };
}

/**
 * RFC 5647 §7.1: 4 fixed bytes, then a 64-bit invocation counter that starts anywhere and takes one step a packet. It comes back to
 * its start after 2^64 packets only, and the packet writer and reader stop at 2^32 under one key.
 */
function increment(nonce: Uint8Array): void {
  for (let i = NONCE_LENGTH - 1; i >= 4; i--) {
    nonce[i]!++;
    if (nonce[i] !== 0) return;
  }
}
