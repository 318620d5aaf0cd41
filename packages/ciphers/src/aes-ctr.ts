import type { CipherAlgorithm, DirectionKeys, MacAlgorithm, PacketOpener, PacketSealer } from "@nacre/packet";
import { readUint32, SshError } from "@nacre/wire";
import { checkKeys, checkTag } from "./check.ts";
import { AES_BLOCK, AesCtrStream } from "./noble-aes.ts";

/** AES in counter mode with a 128-bit key (RFC 4344 §4). */
export const aes128Ctr: CipherAlgorithm = /* @__PURE__ */ aesCtr("aes128-ctr", 16);
/** AES in counter mode with a 192-bit key (RFC 4344 §4). */
export const aes192Ctr: CipherAlgorithm = /* @__PURE__ */ aesCtr("aes192-ctr", 24);
/** AES in counter mode with a 256-bit key (RFC 4344 §4). */
export const aes256Ctr: CipherAlgorithm = /* @__PURE__ */ aesCtr("aes256-ctr", 32);

function aesCtr(name: string, keyLength: number): CipherAlgorithm {
  const algorithm: CipherAlgorithm = {
    name,
    keyLength,
    ivLength: AES_BLOCK,
    aead: false,
    // At most 2^(L/4) blocks of L = 128 bits under one key (RFC 4344 §3.2).
    maxBytes: 2 ** 32 * AES_BLOCK,
    createSealer(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return sealer(keys, needMac(mac));
    },
    createOpener(keys, mac) {
      checkKeys(algorithm, keys, mac);
      return opener(keys, needMac(mac));
    },
  };
  return algorithm;
}

function needMac(mac: MacAlgorithm | undefined): MacAlgorithm {
  if (mac === undefined) throw new SshError("internal", "AES-CTR needs a MAC");
  return mac;
}

function sealer(keys: DirectionKeys, algorithm: MacAlgorithm): PacketSealer {
  const stream = new AesCtrStream(keys.key, keys.iv);
  const mac = algorithm.create(keys.macKey);
  const shape = { blockSize: AES_BLOCK, tagLength: algorithm.tagLength };
  if (algorithm.etm)
    return {
      lengthIsPadded: false,
      seal(sequenceNumber, slab, offset, length) {
        const end = offset + length;
        stream.apply(slab, offset + 4, end);
        mac.compute(sequenceNumber, slab, offset, end, slab, end);
      },
      ...shape,
    };
  return {
    lengthIsPadded: true,
    seal(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      mac.compute(sequenceNumber, slab, offset, end, slab, end);
      stream.apply(slab, offset, end);
    },
    ...shape,
  };
}

function opener(keys: DirectionKeys, algorithm: MacAlgorithm): PacketOpener {
  const stream = new AesCtrStream(keys.key, keys.iv);
  const mac = algorithm.create(keys.macKey);
  const expected = new Uint8Array(algorithm.tagLength);
  const shape = { blockSize: AES_BLOCK, tagLength: algorithm.tagLength };
  if (algorithm.etm)
    return {
      lengthIsPadded: false,
      headerLength: 4,
      readLength: (_sequenceNumber, slab, offset) => readUint32(slab, offset),
      open(sequenceNumber, slab, offset, length) {
        const end = offset + length;
        mac.compute(sequenceNumber, slab, offset, end, expected, 0);
        checkTag(expected, slab, end);
        stream.apply(slab, offset + 4, end);
        return slab.subarray(offset + 4, end);
      },
      ...shape,
    };
  return {
    lengthIsPadded: true,
    headerLength: AES_BLOCK,
    readLength(_sequenceNumber, slab, offset) {
      stream.apply(slab, offset, offset + AES_BLOCK);
      return readUint32(slab, offset);
    },
    open(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      stream.apply(slab, offset + AES_BLOCK, end);
      mac.compute(sequenceNumber, slab, offset, end, expected, 0);
      checkTag(expected, slab, end);
      return slab.subarray(offset + 4, end);
    },
    ...shape,
  };
}
