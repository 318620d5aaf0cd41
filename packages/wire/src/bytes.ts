import { SshError } from "./errors.ts";

/**
 * Bytes that Nacre returns: a `Uint8Array<ArrayBuffer>`, never over shared memory, as Web APIs such as `Blob` and `subtle.digest` require.
 * The type is derived from `Uint8Array.of` because `Uint8Array` has no type parameter before TypeScript 5.7.
 */
export type Bytes = ReturnType<Uint8ArrayConstructor["of"]>;

/** Returns `length` new bytes from a cryptographically secure random source. The caller owns the returned array. */
export type RandomSource = (length: number) => Uint8Array;

/**
 * Copies bytes into a new plain `Uint8Array`. Use it for bytes from a caller: those may be a Node `Buffer`, where `slice` does not
 * copy.
 */
export function copyBytes(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

/** Reads the uint32 at `offset` without a bounds check (RFC 4251 §5). Cheaper than a `Reader` if the length is already known. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** Concatenates arrays, in order, into a new one. Always copies. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Compares two byte strings. The time depends only on their lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Encodes bytes as lower-case hexadecimal, two digits per byte. */
export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

/** Decodes bytes as a big-endian unsigned integer. */
export function bytesToBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

/**
 * Encodes a non-negative integer as `length` big-endian bytes; by default as few as possible (none for 0).
 * Throws `internal` if the integer is negative or does not fit.
 */
export function bigIntToBytes(value: bigint, length?: number): Bytes {
  let hex = value === 0n ? "" : value.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const needed = hex.length / 2;
  const size = length ?? needed;
  if (value < 0n || needed > size) throw new SshError("internal", `integer does not fit in ${size} bytes`);
  const out = new Uint8Array(size);
  for (let i = 0; i < needed; i++) out[size - needed + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Returns whether `value` is a Uint8Array of any realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Partial<Uint8Array>).BYTES_PER_ELEMENT === 1;
}
