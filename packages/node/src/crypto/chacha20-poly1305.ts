import { createCipheriv } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { plainBytes } from "./bytes.ts";
import { checkKeys, checkTag } from "./check.ts";
import { poly1305 } from "./poly1305/index.ts";

const TAG_LENGTH = 16;
/** OpenSSL's form: a 64-bit little-endian block counter, which starts at 0, and the 64-bit nonce. */
const IV_LENGTH = 16;
/** The first block of the key stream keys Poly1305; the packet begins with the second. */
const FIRST_BLOCK = new Uint8Array(64);

/**
 * OpenSSH PROTOCOL.chacha20poly1305, with ChaCha20 on node:crypto. That has no Poly1305, and its chacha20-poly1305 is RFC 8439's,
 * another construction.
 */
export const chacha20Poly1305: CipherAlgorithm = {
  name: "chacha20-poly1305@openssh.com",
  keyLength: 64,
  ivLength: 0,
  aead: true,
  // OpenSSH counts it as a cipher of 8-byte blocks, for which it asks new keys after 1 GiB.
  maxBytes: 2 ** 30,
  createSealer(keys, mac) {
    checkKeys(chacha20Poly1305, keys, mac);
    return sealer(keys);
  },
  createOpener(keys, mac) {
    checkKeys(chacha20Poly1305, keys, mac);
    return opener(keys);
  },
};

const SHAPE = { blockSize: 8, lengthIsPadded: false, tagLength: TAG_LENGTH } as const;

function sealer(keys: DirectionKeys): PacketSealer {
  const { mainKey, lengthKey } = split(keys);
  const iv = new Uint8Array(IV_LENGTH);
  const nonce = iv.subarray(8);
  /** Seals the length field in place, writes the tag, and returns the rest sealed. */
  const sealApart = (sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Buffer => {
    const end = offset + length;
    setNonce(nonce, sequenceNumber);
    const lengthField = slab.subarray(offset, offset + 4);
    lengthField.set(createCipheriv("chacha20", lengthKey, iv).update(lengthField));
    const main = createCipheriv("chacha20", mainKey, iv);
    const macKey = main.update(FIRST_BLOCK).subarray(0, 32);
    const sealed = main.update(slab.subarray(offset + 4, end));
    slab.set(poly1305(lengthField, macKey, sealed), end);
    return sealed;
  };
  return {
    seal: (sequenceNumber, slab, offset, length) =>
      slab.set(sealApart(sequenceNumber, slab, offset, length), offset + 4),
    sealApart: (sequenceNumber, slab, offset, length) => plainBytes(sealApart(sequenceNumber, slab, offset, length)),
    ...SHAPE,
  };
}

function opener(keys: DirectionKeys): PacketOpener {
  const { mainKey, lengthKey } = split(keys);
  const iv = new Uint8Array(IV_LENGTH);
  const nonce = iv.subarray(8);
  return {
    headerLength: 4,
    readLength(sequenceNumber, slab, offset) {
      setNonce(nonce, sequenceNumber);
      // Not in place: the tag covers the length as it was sent.
      return createCipheriv("chacha20", lengthKey, iv)
        .update(slab.subarray(offset, offset + 4))
        .readUInt32BE();
    },
    open(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      setNonce(nonce, sequenceNumber);
      const main = createCipheriv("chacha20", mainKey, iv);
      const macKey = main.update(FIRST_BLOCK).subarray(0, 32);
      checkTag(poly1305(slab.subarray(offset, end), macKey), slab, end);
      return plainBytes(main.update(slab.subarray(offset + 4, end)));
    },
    ...SHAPE,
  };
}

/** K_2 comes first and encrypts the packet; K_1 follows and encrypts its length. */
function split(keys: DirectionKeys): { readonly mainKey: Uint8Array; readonly lengthKey: Uint8Array } {
  return { mainKey: keys.key.slice(0, 32), lengthKey: keys.key.slice(32) };
}

/** The sequence number as an uint64 in network byte order. */
function setNonce(nonce: Uint8Array, sequenceNumber: number): void {
  nonce[4] = sequenceNumber >>> 24;
  nonce[5] = sequenceNumber >>> 16;
  nonce[6] = sequenceNumber >>> 8;
  nonce[7] = sequenceNumber;
}
