import { createCipheriv, createDecipheriv } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { concatBytes } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { checkKeys, mismatch } from "./check.ts";

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
      return sealer(openssl, keys);
    },
    createOpener(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return opener(openssl, keys);
    },
  };
  return algorithm;
}

/** RFC 5647 §7.2: whole blocks without the length field, which is authenticated and not encrypted. */
const SHAPE = { blockSize: 16, lengthIsPadded: false, tagLength: TAG_LENGTH } as const;

function sealer(openssl: GcmName, keys: DirectionKeys): PacketSealer {
  const { key, nonce } = copies(keys);
  const sealApart = (slab: Uint8Array, offset: number, length: number): Buffer => {
    const end = offset + length;
    const cipher = createCipheriv(openssl, key, nonce);
    cipher.setAAD(slab.subarray(offset, offset + 4));
    const sealed = cipher.update(slab.subarray(offset + 4, end));
    cipher.final();
    slab.set(cipher.getAuthTag(), end);
    increment(nonce);
    return sealed;
  };
  return {
    seal: (_sequenceNumber, slab, offset, length) => slab.set(sealApart(slab, offset, length), offset + 4),
    sealApart: (_sequenceNumber, slab, offset, length) => plainBytes(sealApart(slab, offset, length)),
    ...SHAPE,
  };
}

function opener(openssl: GcmName, keys: DirectionKeys): PacketOpener {
  const { key, nonce } = copies(keys);
  return {
    headerLength: 4,
    readLength: (_sequenceNumber, slab, offset) =>
      ((slab[offset]! << 24) | (slab[offset + 1]! << 16) | (slab[offset + 2]! << 8) | slab[offset + 3]!) >>> 0,
    open(_sequenceNumber, slab, offset, length) {
      const end = offset + length;
      const decipher = createDecipheriv(openssl, key, nonce);
      decipher.setAAD(slab.subarray(offset, offset + 4));
      decipher.setAuthTag(slab.subarray(end, end + TAG_LENGTH));
      const clear = decipher.update(slab.subarray(offset + 4, end));
      try {
        decipher.final();
      } catch {
        throw mismatch();
      }
      increment(nonce);
      return plainBytes(clear);
    },
    ...SHAPE,
  };
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
