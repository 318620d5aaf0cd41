import { createCipheriv, createDecipheriv } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, MacAlgorithm, PacketOpener, PacketSealer } from "@nacre/packet";
import { readUint32, SshError } from "@nacre/wire";
import { notePacket } from "../net/packet-buffers.ts";
import { checkKeys, checkTag, plainBytes } from "./bytes.ts";
import { cipherOrPortable } from "./or-portable.ts";

const BLOCK = 16;

/** aes128-ctr (RFC 4344 §4), on node:crypto. */
export const aes128Ctr: CipherAlgorithm = aesCtr("aes128-ctr", "aes-128", 16);
/** aes192-ctr (RFC 4344 §4), on node:crypto. */
export const aes192Ctr: CipherAlgorithm = aesCtr("aes192-ctr", "aes-192", 24);
/** aes256-ctr (RFC 4344 §4), on node:crypto. */
export const aes256Ctr: CipherAlgorithm = aesCtr("aes256-ctr", "aes-256", 32);

type Aes = "aes-128" | "aes-192" | "aes-256";

function aesCtr(name: string, aes: Aes, keyLength: number): CipherAlgorithm {
  const algorithm: CipherAlgorithm = {
    name,
    keyLength,
    ivLength: BLOCK,
    aead: false,
    // RFC 4344 §3.2: 2^(L/4) blocks with L = 128 bits.
    maxBytes: 2 ** 36,
    createSealer(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return sealer(aes, keys, needMac(mac));
    },
    createOpener(keys, mac) {
      checkKeys(algorithm, keys, mac);
      const needed = needMac(mac);
      return needed.etm ? etmOpener(aes, keys, needed) : opener(aes, keys, needed);
    },
  };
  return cipherOrPortable(algorithm);
}

function needMac(mac: MacAlgorithm | undefined): MacAlgorithm {
  if (mac === undefined) throw new SshError("internal", "AES-CTR needs a MAC");
  return mac;
}

function sealer(aes: Aes, keys: DirectionKeys, algorithm: MacAlgorithm): PacketSealer {
  const cipher = createCipheriv(`${aes}-ctr`, keys.key, keys.iv);
  const mac = algorithm.create(keys.macKey);
  const { etm, tagLength } = algorithm;
  const shape = { blockSize: BLOCK, lengthIsPadded: !etm, tagLength };
  if (etm)
    return {
      seal(sequenceNumber, slab, offset, length) {
        const end = offset + length;
        // The length field is not encrypted (OpenSSH PROTOCOL §1.5).
        slab.set(cipher.update(slab.subarray(offset + 4, end)), offset + 4);
        mac.compute(sequenceNumber, slab, offset, end, slab, end);
      },
      ...shape,
    };
  const sealApart = (sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Buffer<ArrayBuffer> => {
    const end = offset + length;
    mac.compute(sequenceNumber, slab, offset, end, slab, end);
    return cipher.update(slab.subarray(offset, end));
  };
  return {
    seal: (sequenceNumber, slab, offset, length) => slab.set(sealApart(sequenceNumber, slab, offset, length), offset),
    sealApart: (sequenceNumber, slab, offset, length) => plainBytes(sealApart(sequenceNumber, slab, offset, length)),
    ...shape,
  };
}

function etmOpener(aes: Aes, keys: DirectionKeys, algorithm: MacAlgorithm): PacketOpener {
  const decipher = createDecipheriv(`${aes}-ctr`, keys.key, keys.iv);
  const mac = algorithm.create(keys.macKey);
  const { tagLength } = algorithm;
  const expected = new Uint8Array(tagLength);
  return {
    blockSize: BLOCK,
    lengthIsPadded: false,
    tagLength,
    headerLength: 4,
    readLength: (_sequenceNumber, slab, offset) => readUint32(slab, offset),
    open(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      mac.compute(sequenceNumber, slab, offset, end, expected, 0);
      checkTag(expected, slab, end);
      return notePacket(plainBytes(decipher.update(slab.subarray(offset + 4, end))));
    },
  };
}

/**
 * Opener for encrypt-and-MAC packets: the packet length is encrypted too. A packet is decrypted in one call once it is complete, because
 * each node:crypto call allocates a new buffer. To read the length before that, the opener computes the first key stream block separately:
 * it encrypts the counter with AES-ECB (RFC 4344 §4).
 */
function opener(aes: Aes, keys: DirectionKeys, algorithm: MacAlgorithm): PacketOpener {
  const decipher = createDecipheriv(`${aes}-ctr`, keys.key, keys.iv);
  const blocks = createCipheriv(`${aes}-ecb`, keys.key, null).setAutoPadding(false);
  const counter = keys.iv.slice();
  const mac = algorithm.create(keys.macKey);
  const { tagLength } = algorithm;
  const expected = new Uint8Array(tagLength);
  return {
    blockSize: BLOCK,
    lengthIsPadded: true,
    tagLength,
    headerLength: BLOCK,
    readLength: (_sequenceNumber, slab, offset) =>
      (readUint32(slab, offset) ^ readUint32(blocks.update(counter), 0)) >>> 0,
    open(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      const clear = notePacket(plainBytes(decipher.update(slab.subarray(offset, end))));
      mac.compute(sequenceNumber, clear, 0, length, expected, 0);
      checkTag(expected, slab, end);
      advance(counter, length / BLOCK);
      return clear.subarray(4);
    },
  };
}

/** Adds `blocks` to a 128-bit big-endian counter. */
function advance(counter: Uint8Array, blocks: number): void {
  let carry = blocks;
  for (let i = BLOCK - 1; i >= 0 && carry > 0; i--) {
    const sum = counter[i]! + carry;
    counter[i] = sum;
    carry = Math.floor(sum / 256);
  }
}
