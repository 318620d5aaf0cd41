import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { readUint32 } from "@nacre/wire";
import { checkKeys, checkTag } from "./check.ts";
import { AES_BLOCK, AesGcmCore } from "./noble-aes.ts";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** RFC 5647 with OpenSSH's way of choosing it (OpenSSH PROTOCOL §1.6). */
export const aes128Gcm: CipherAlgorithm = /* @__PURE__ */ aesGcm("aes128-gcm@openssh.com", 16);
/** RFC 5647 with OpenSSH's way of choosing it (OpenSSH PROTOCOL §1.6). */
export const aes256Gcm: CipherAlgorithm = /* @__PURE__ */ aesGcm("aes256-gcm@openssh.com", 32);

function aesGcm(name: string, keyLength: number): CipherAlgorithm {
  const algorithm: CipherAlgorithm = {
    name,
    keyLength,
    ivLength: NONCE_LENGTH,
    aead: true,
    // RFC 4344 §3.2: 2^(L/4) blocks of L = 128 bits.
    maxBytes: 2 ** 32 * AES_BLOCK,
    createSealer(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return sealer(keys);
    },
    createOpener(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return opener(keys);
    },
  };
  return algorithm;
}

/** RFC 5647 §7.2: blocks of 16 without the length field, which is authenticated and not encrypted. */
const SHAPE = { blockSize: AES_BLOCK, lengthIsPadded: false, tagLength: TAG_LENGTH } as const;

function sealer(keys: DirectionKeys): PacketSealer {
  const core = new AesGcmCore(keys.key);
  const nonce = keys.iv.slice();
  const tag = new Uint8Array(TAG_LENGTH);
  return {
    seal(_sequenceNumber, slab, offset, length) {
      const end = offset + length;
      const text = slab.subarray(offset + 4, end);
      core.begin(nonce);
      core.apply(text);
      core.tag(slab.subarray(offset, offset + 4), text, tag);
      slab.set(tag, end);
      increment(nonce);
    },
    ...SHAPE,
  };
}

function opener(keys: DirectionKeys): PacketOpener {
  const core = new AesGcmCore(keys.key);
  const nonce = keys.iv.slice();
  const tag = new Uint8Array(TAG_LENGTH);
  return {
    headerLength: 4,
    readLength: (_sequenceNumber, slab, offset) => readUint32(slab, offset),
    open(_sequenceNumber, slab, offset, length) {
      const end = offset + length;
      const text = slab.subarray(offset + 4, end);
      core.begin(nonce);
      core.tag(slab.subarray(offset, offset + 4), text, tag);
      checkTag(tag, slab, end);
      core.apply(text);
      increment(nonce);
      return text;
    },
    ...SHAPE,
  };
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
