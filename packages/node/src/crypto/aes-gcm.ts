import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { type Bytes, concatBytes, readUint32 } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { checkKeys, mismatch } from "./check.ts";
import { cipherOrPortable } from "./or-portable.ts";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** aes128-gcm@openssh.com (RFC 5647, negotiated as in OpenSSH PROTOCOL §1.6), on node:crypto. */
export const aes128Gcm: CipherAlgorithm = aesGcm("aes128-gcm@openssh.com", "aes-128-gcm", 16);
/** aes256-gcm@openssh.com (RFC 5647, negotiated as in OpenSSH PROTOCOL §1.6), on node:crypto. */
export const aes256Gcm: CipherAlgorithm = aesGcm("aes256-gcm@openssh.com", "aes-256-gcm", 32);

type GcmName = "aes-128-gcm" | "aes-256-gcm";

function aesGcm(name: string, openssl: GcmName, keyLength: number): CipherAlgorithm {
  const algorithm: CipherAlgorithm = {
    name,
    keyLength,
    ivLength: NONCE_LENGTH,
    aead: true,
    // RFC 4344 §3.2: 2^(L/4) blocks with L = 128 bits.
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

/** State of one direction. A class uses less memory than closures, and a server holds two instances per connection. */
abstract class Gcm {
  // RFC 5647 §7.2: the length field is authenticated but not encrypted; the rest of the packet is whole blocks.
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

  /**
   * Advances to the nonce of the next packet: increments the 64-bit invocation counter after the 4 fixed bytes (RFC 5647 §7.1). The counter
   * starts at any value and would repeat only after 2^64 packets; the packet writer and reader stop at 2^32 packets per key.
   */
  protected advance(): void {
    const nonce = this.#nonce;
    for (let i = NONCE_LENGTH - 1; i >= 4; i--) {
      nonce[i]!++;
      if (nonce[i] !== 0) return;
    }
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

/** Copies key and nonce into one buffer: an allocation costs more than its content, and a server would hold two more per connection. */
function copies({ key, iv }: DirectionKeys): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const both = concatBytes(key, iv);
  return { key: both.subarray(0, key.length), nonce: both.subarray(key.length) };
}
