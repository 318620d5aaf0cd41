import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { readUint32 } from "@nacre/wire";
import { checkKeys, checkTag } from "./check.ts";
import { AES_BLOCK, AesGcmCore } from "./noble-aes.ts";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** AES-GCM with a 128-bit key (RFC 5647), negotiated as in OpenSSH PROTOCOL §1.6. */
export const aes128Gcm: CipherAlgorithm = /* @__PURE__ */ aesGcm("aes128-gcm@openssh.com", 16);
/** AES-GCM with a 256-bit key (RFC 5647), negotiated as in OpenSSH PROTOCOL §1.6. */
export const aes256Gcm: CipherAlgorithm = /* @__PURE__ */ aesGcm("aes256-gcm@openssh.com", 32);

function aesGcm(name: string, keyLength: number): CipherAlgorithm {
  const algorithm: CipherAlgorithm = {
    name,
    keyLength,
    ivLength: NONCE_LENGTH,
    aead: true,
    // At most 2^(L/4) blocks of L = 128 bits under one key (RFC 4344 §3.2).
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

/** Packets are padded to 16 bytes without the length field, which is authenticated but not encrypted (RFC 5647 §7.2). */
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
 * Increments a nonce: 4 fixed bytes, then a 64-bit invocation counter with an arbitrary initial value (RFC 5647 §7.1). It repeats only
 * after 2^64 packets, and the packet writer and reader stop after 2^32 packets under one key.
 */
function increment(nonce: Uint8Array): void {
  for (let i = NONCE_LENGTH - 1; i >= 4; i--) {
    nonce[i]!++;
    if (nonce[i] !== 0) return;
  }
}
