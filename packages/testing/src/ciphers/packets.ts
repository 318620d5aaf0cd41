import { createHash } from "node:crypto";
import { type DirectionKeys, PacketReader, PacketWriter } from "@nacre/packet";
import type { Suite } from "./twin.ts";

/** Bytes that look random and are the same in every run. */
export function bytesOf(label: string, length: number): Uint8Array {
  return new Uint8Array(createHash("shake256", { outputLength: length }).update(label).digest());
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

/** Everything that waits in a writer. */
export function takeAll(writer: PacketWriter): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let piece = writer.takeOutput(); piece !== undefined; piece = writer.takeOutput()) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/** Every payload a reader has ready. */
export function readAll(reader: PacketReader): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload);
  return payloads;
}

/** A packet in the clear with the length field and padding length given, right or wrong, and `size` bytes behind the length. */
export function clearPacket(packetLength: number, padding: number, size: number): Uint8Array {
  const packet = new Uint8Array(4 + size);
  new DataView(packet.buffer).setUint32(0, packetLength);
  packet[4] = padding;
  return packet;
}

/** Whether the length field of a suite counts towards whole blocks, and the block, by the specifications. */
export function shapeOf(suite: Suite): { readonly block: number; readonly counted: boolean } {
  const block = suite.cipher.name.startsWith("chacha20") ? 8 : 16;
  return { block, counted: !suite.cipher.aead && !suite.mac?.name.includes("-etm") };
}

/** The code of what `action` throws, or `"none"`. */
export function codeOf(action: () => unknown): string {
  try {
    action();
    return "none";
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}
