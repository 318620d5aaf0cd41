import { bufferOf } from "@nacre/node/extend";
import { derFromSsh, sshFromDer } from "./keys/ecdsa-signature.ts";

/** Writes a 32-bit number, most significant byte first, and returns the position after it. */
function writeUInt32BE(buffer: Uint8Array, value: number, offset: number): number {
  return bufferOf(buffer).writeUInt32BE(value >>> 0, offset);
}

/** Writes a 32-bit number, least significant byte first, and returns the position after it. */
function writeUInt32LE(buffer: Uint8Array, value: number, offset: number): number {
  return bufferOf(buffer).writeUInt32LE(value >>> 0, offset);
}

function readUInt32BE(buffer: Uint8Array, offset: number): number {
  return bufferOf(buffer).readUInt32BE(offset);
}

/** Returns a view of a part of a buffer. */
function bufferSlice(buffer: Uint8Array, start: number, end: number = buffer.length): Buffer {
  return bufferOf(buffer).subarray(start, end);
}

/** Copies a part of a buffer to another one, and returns the number of bytes. */
function bufferCopy(source: Uint8Array, target: Uint8Array, start: number, end: number, targetStart = 0): number {
  return bufferOf(source).copy(target, targetStart, start, end);
}

function bufferFill(buffer: Uint8Array, value: number, start: number, end: number): Uint8Array {
  return buffer.fill(value, start, end);
}

/**
 * Returns the SSH form of a signature from OpenSSL: for ECDSA, two mpints in place of DER (RFC 5656 §3.1.2); for other key types the same
 * bytes. Returns `undefined` if it is not DER.
 */
function convertSignature(signature: Buffer, keyType: string): Buffer | undefined {
  if (!keyType.startsWith("ecdsa-")) return signature;
  return sshFromDer(signature);
}

/** Returns the DER form of an ECDSA signature with two mpints; for other key types the same bytes. `undefined` if it is malformed. */
function sigSSHToASN1(signature: Buffer, keyType: string): Buffer | undefined {
  if (!keyType.startsWith("ecdsa-")) return signature;
  return derFromSsh(signature);
}

/** Functions of `lib/protocol/utils` that programs use. Those that write a packet do not exist here. */
export const protocolUtils: Readonly<Record<string, unknown>> = {
  bufferCopy,
  bufferFill,
  bufferSlice,
  convertSignature,
  readUInt32BE,
  sigSSHToASN1,
  writeUInt32BE,
  writeUInt32LE,
};
