import { type DirectionKeys, PacketReader, PacketWriter } from "@nacre/packet";
import { concatBytes, utf8Encode } from "@nacre/wire";
import { shake256 } from "@noble/hashes/sha3.js";
import type { Suite } from "./suites.ts";

/** Returns deterministic, random-looking bytes for a label. */
export function bytesOf(label: string, length: number): Uint8Array {
  return shake256(utf8Encode(label), { dkLen: length });
}

export function keysFor(suite: Suite, label = ""): DirectionKeys {
  return {
    key: bytesOf(`key ${label}`, suite.cipher.keyLength),
    iv: bytesOf(`iv ${label}`, suite.cipher.ivLength),
    macKey: bytesOf(`mac ${label}`, suite.mac?.keyLength ?? 0),
  };
}

export function writerFor(suite: Suite, keys: DirectionKeys, sequenceNumber = 0): PacketWriter {
  let call = 0;
  const random = (length: number): Uint8Array => bytesOf(`padding ${call++}`, length);
  const writer = new PacketWriter({ random, start: { sequenceNumber } });
  writer.useSealer(suite.cipher.createSealer(keys, suite.mac), { resetSequence: false });
  return writer;
}

export function readerFor(suite: Suite, keys: DirectionKeys, sequenceNumber = 0): PacketReader {
  const reader = new PacketReader({ start: { sequenceNumber } });
  reader.useOpener(suite.cipher.createOpener(keys, suite.mac), { resetSequence: false });
  return reader;
}

/** Returns all pending output of a writer. */
export function takeAll(writer: PacketWriter): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const piece of writer.takeOutput()) pieces.push(piece);
  return concatBytes(...pieces);
}

/** Returns every payload that a reader has ready. */
export function readAll(reader: PacketReader): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload);
  return payloads;
}

/** Returns a plaintext packet with these length fields, valid or not, and `size` bytes after the packet length. */
export function clearPacket(packetLength: number, padding: number, size: number): Uint8Array {
  const packet = new Uint8Array(4 + size);
  new DataView(packet.buffer).setUint32(0, packetLength);
  packet[4] = padding;
  return packet;
}

/** Returns the block size of a suite, and whether the packet length field counts towards whole blocks. */
export function shapeOf(suite: Suite): { readonly block: number; readonly counted: boolean } {
  const block = suite.cipher.name.startsWith("chacha20") ? 8 : 16;
  return { block, counted: !suite.cipher.aead && !suite.mac?.name.includes("-etm") };
}

/** Returns the code of the error that `action` throws, or `"none"`. */
export function codeOf(action: () => unknown): string {
  try {
    action();
    return "none";
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}
