import type { Bytes } from "@nacre/wire";
import { FREED_FROM, freeBuffer } from "nacre/extend";

/** Buffers that each hold one received packet, which `node:crypto` decrypted, and nothing else. */
const packets = new WeakSet<ArrayBuffer>();

/** Most bytes of a packet around the data that it carries: its header, and up to 255 bytes of padding. */
const AROUND_DATA = 512;

/** Notes that a decrypted packet has its buffer to itself, so that a socket may free it with the packet's data. */
export function notePacket(packet: Bytes): Bytes {
  if (packet.length >= FREED_FROM) packets.add(packet.buffer);
  return packet;
}

/** Returns whether nothing else in the buffer of these bytes is in use: they fill it, or are the data of a received packet. */
export function ownsBuffer({ length, buffer }: Bytes): boolean {
  const around = buffer.byteLength - length;
  return around === 0 || (around <= AROUND_DATA && packets.has(buffer));
}

/** Frees the memory of bytes that are not used any more, if it is worth it and nothing else in their buffer is in use. */
export function freeOwned(bytes: Bytes): void {
  if (bytes.length >= FREED_FROM && ownsBuffer(bytes)) freeBuffer(bytes.buffer);
}
