import { readUint32 } from "@nacre/wire";
import type { PacketOpener, PacketSealer } from "./cipher.ts";

/** Sealer before the first NEWKEYS: no encryption, no MAC, and the minimum block size of 8 bytes (RFC 4253 §6). */
export const plaintextSealer: PacketSealer = { blockSize: 8, lengthIsPadded: true, tagLength: 0, seal: () => {} };

/** Opener for the packets of {@link plaintextSealer}. */
export const plaintextOpener: PacketOpener = {
  blockSize: 8,
  lengthIsPadded: true,
  tagLength: 0,
  headerLength: 4,
  readLength: (_sequenceNumber, slab, offset) => readUint32(slab, offset),
  open: (_sequenceNumber, slab, offset, length) => slab.subarray(offset + 4, offset + length),
};
