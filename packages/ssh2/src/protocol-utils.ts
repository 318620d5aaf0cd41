/** Writes a 32-bit number, most significant byte first, and returns the position after it. */
function writeUInt32BE(buffer: Uint8Array, value: number, offset: number): number {
  return viewOf(buffer).writeUInt32BE(value >>> 0, offset);
}

/** Writes a 32-bit number, least significant byte first, and returns the position after it. */
function writeUInt32LE(buffer: Uint8Array, value: number, offset: number): number {
  return viewOf(buffer).writeUInt32LE(value >>> 0, offset);
}

function readUInt32BE(buffer: Uint8Array, offset: number): number {
  return viewOf(buffer).readUInt32BE(offset);
}

/** Returns a view of a part of a buffer. */
function bufferSlice(buffer: Uint8Array, start: number, end: number = buffer.length): Buffer {
  return viewOf(buffer).subarray(start, end);
}

/** Copies a part of a buffer to another one, and returns the number of bytes. */
function bufferCopy(source: Uint8Array, target: Uint8Array, start: number, end: number, targetStart = 0): number {
  return viewOf(source).copy(target, targetStart, start, end);
}

function bufferFill(buffer: Uint8Array, value: number, start: number, end: number): Uint8Array {
  return buffer.fill(value, start, end);
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * Returns the SSH form of a signature from OpenSSL: for ECDSA, two mpints in place of DER (RFC 5656 §3.1.2); for other key types the same
 * bytes. Returns `undefined` if it is not DER.
 */
function convertSignature(signature: Buffer, keyType: string): Buffer | undefined {
  if (!keyType.startsWith("ecdsa-")) return signature;
  const body = valueAt(signature, 0, SEQUENCE);
  const r = body && valueAt(body, 0, INTEGER);
  const s = r && valueAt(body, 2 + r.length, INTEGER);
  return s && Buffer.concat([r, s].flatMap((integer) => [uint32(integer.length), integer]));
}

/** Returns the DER form of an ECDSA signature with two mpints; for other key types the same bytes. `undefined` if it is malformed. */
function sigSSHToASN1(signature: Buffer, keyType: string): Buffer | undefined {
  if (!keyType.startsWith("ecdsa-")) return signature;
  const r = mpintAt(signature, 0);
  const s = r && mpintAt(signature, 4 + r.length);
  return s && tagged(SEQUENCE, Buffer.concat([tagged(INTEGER, r), tagged(INTEGER, s)]));
}

/** Returns the contents of a DER value of up to 255 bytes, the longest of ECDSA signatures. */
function valueAt(der: Buffer, at: number, tag: number): Buffer | undefined {
  const isLong = der[at + 1] === 0x81;
  const start = at + (isLong ? 3 : 2);
  const length = der[start - 1];
  if (der[at] !== tag || length === undefined || (!isLong && length > 0x7f) || length === 0) return undefined;
  return start + length > der.length ? undefined : der.subarray(start, start + length);
}

function mpintAt(data: Buffer, at: number): Buffer | undefined {
  if (at + 4 > data.length) return undefined;
  const end = at + 4 + data.readUInt32BE(at);
  return end > data.length || end === at + 4 ? undefined : data.subarray(at + 4, end);
}

function tagged(tag: number, contents: Buffer): Buffer {
  const length = contents.length > 0x7f ? [0x81, contents.length] : [contents.length];
  return Buffer.concat([Buffer.of(tag, ...length), contents]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
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
