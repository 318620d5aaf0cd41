import { concatBytes } from "@nacre/wire";
import type { PacketOpener, PacketSealer } from "../src/index.ts";
import { PacketReader, PacketWriter } from "../src/index.ts";

/** Returns a random source that is deterministic: equal in each run, different in each call. */
export function countingRandom(): (length: number) => Uint8Array {
  let next = 1;
  return (length) => Uint8Array.from({ length }, () => (next = (next * 75) % 65537) & 0xff);
}

export function newWriter(): PacketWriter {
  return new PacketWriter({ random: countingRandom() });
}

/** Takes all output of a writer, as one array. */
export function takeAll(writer: PacketWriter): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const piece of writer.takeOutput()) pieces.push(piece);
  return join(pieces);
}

export function join(pieces: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...pieces);
}

/** Returns all complete payloads of a reader. */
export function readAll(reader: PacketReader): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload);
  return payloads;
}

/** Returns a payload of `length` bytes that differs for each `seed`. */
export function payloadOf(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 0xff);
}

/** Returns a plaintext packet with the given fields, valid or not, and `body` bytes after the length field. */
export function rawPacket(packetLength: number, padding: number, body: number): Uint8Array {
  const bytes = new Uint8Array(4 + Math.max(body, 0));
  new DataView(bytes.buffer).setUint32(0, packetLength);
  if (bytes.length > 4) bytes[4] = padding;
  return bytes;
}

/** A toy cipher: adds the sequence number to each byte of the body; its tag is a checksum. `apart` adds `sealApart`. */
export function toyCipher(shape: {
  readonly blockSize: number;
  readonly lengthIsPadded: boolean;
  readonly tagLength: number;
  readonly fresh?: boolean;
  readonly apart?: "body" | "whole packet";
}): { readonly sealer: PacketSealer; readonly opener: PacketOpener } {
  const seal: PacketSealer["seal"] = (sequenceNumber, slab, offset, length) => {
    slab.fill(tag(slab, offset, offset + length), offset + length, offset + length + shape.tagLength);
    for (let i = offset + 4; i < offset + length; i++) slab[i] = (slab[i] ?? 0) + sequenceNumber;
  };
  const sealApart: PacketSealer["sealApart"] = (sequenceNumber, slab, offset, length) => {
    const copy = slab.slice(offset, offset + length + shape.tagLength);
    seal(sequenceNumber, copy, 0, length);
    slab.set(copy.subarray(length), offset + length);
    return copy.subarray(shape.apart === "body" ? 4 : 0, length);
  };
  return {
    sealer: { ...shape, seal, ...(shape.apart && { sealApart }) },
    opener: {
      ...shape,
      headerLength: 4,
      readLength: (_sequenceNumber, slab, offset) => new DataView(slab.buffer).getUint32(slab.byteOffset + offset),
      open: (sequenceNumber, slab, offset, length) => {
        if (shape.fresh) return slab.slice(offset + 4, offset + length).map((byte) => byte - sequenceNumber);
        for (let i = offset + 4; i < offset + length; i++) slab[i] = (slab[i] ?? 0) - sequenceNumber;
        return slab.subarray(offset + 4, offset + length);
      },
    },
  };
}

function tag(slab: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum = (sum + (slab[i] ?? 0)) & 0xff;
  return sum;
}
