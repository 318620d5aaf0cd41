import type { CipherAlgorithm, DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { chacha20orig } from "@noble/ciphers/chacha.js";
import { checkKeys, checkTag } from "./check.ts";
import { poly1305Tag } from "./noble-poly1305.ts";
import { CHACHA20_POLY1305, PACKET_SHAPE } from "./openssh-chacha20.ts";

const ZEROS = new Uint8Array(32);

/** ChaCha20 with a 64-bit nonce, and Poly1305; the length field has a separate key (OpenSSH PROTOCOL.chacha20poly1305). */
export const chacha20Poly1305: CipherAlgorithm = {
  ...CHACHA20_POLY1305,
  createSealer(keys, mac) {
    checkKeys(chacha20Poly1305, keys, mac);
    return sealer(keys);
  },
  createOpener(keys, mac) {
    checkKeys(chacha20Poly1305, keys, mac);
    return opener(keys);
  },
};

function sealer(keys: DirectionKeys): PacketSealer {
  const { lengthKey, mainKey } = split(keys);
  const nonce = new Uint8Array(8);
  const macKey = new Uint8Array(32);
  return {
    seal(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      setNonce(nonce, sequenceNumber);
      const header = slab.subarray(offset, offset + 4);
      chacha20orig(lengthKey, nonce, header, header);
      const text = slab.subarray(offset + 4, end);
      chacha20orig(mainKey, nonce, text, text, 1);
      chacha20orig(mainKey, nonce, ZEROS, macKey);
      slab.set(poly1305Tag(slab, offset, end, macKey), end);
    },
    ...PACKET_SHAPE,
  };
}

function opener(keys: DirectionKeys): PacketOpener {
  const { lengthKey, mainKey } = split(keys);
  const nonce = new Uint8Array(8);
  const macKey = new Uint8Array(32);
  const clearLength = new Uint8Array(4);
  const clearLengthData = new DataView(clearLength.buffer);
  return {
    headerLength: 4,
    readLength(sequenceNumber, slab, offset) {
      setNonce(nonce, sequenceNumber);
      // Not in place, because the tag covers the encrypted length.
      chacha20orig(lengthKey, nonce, slab.subarray(offset, offset + 4), clearLength);
      return clearLengthData.getUint32(0);
    },
    open(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      setNonce(nonce, sequenceNumber);
      chacha20orig(mainKey, nonce, ZEROS, macKey);
      checkTag(poly1305Tag(slab, offset, end, macKey), slab, end);
      const text = slab.subarray(offset + 4, end);
      chacha20orig(mainKey, nonce, text, text, 1);
      return text;
    },
    ...PACKET_SHAPE,
  };
}

/** Splits the key material: first K_2, which encrypts packets, then K_1, which encrypts their lengths. */
function split(keys: DirectionKeys): { readonly mainKey: Uint8Array; readonly lengthKey: Uint8Array } {
  return { mainKey: keys.key.slice(0, 32), lengthKey: keys.key.slice(32) };
}

/** Writes the sequence number to the nonce as a uint64 in network byte order. */
function setNonce(nonce: Uint8Array, sequenceNumber: number): void {
  nonce[4] = sequenceNumber >>> 24;
  nonce[5] = sequenceNumber >>> 16;
  nonce[6] = sequenceNumber >>> 8;
  nonce[7] = sequenceNumber;
}
