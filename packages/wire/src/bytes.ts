import { SshError } from "./errors.ts";

/**
 * Bytes that Nacre hands out: `Uint8Array<ArrayBuffer>`, never over shared memory, as Web APIs such as `Blob` and `subtle.digest` require.
 * Named by what `Uint8Array.of` returns, since TypeScript before 5.7 has no type parameter here.
 */
export type Bytes = ReturnType<Uint8ArrayConstructor["of"]>;

/**
 * Where randomness comes from: returns `length` fresh bytes from a cryptographically secure source.
 * The bytes belong to the callee's caller from then on.
 */
export type RandomSource = (length: number) => Uint8Array;

/**
 * A copy that shares nothing with `bytes`, as a plain `Uint8Array`: a Node Buffer, which is one too, has a `slice` that does
 * not copy. To be used on bytes that come from a caller.
 */
export function copyBytes(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

/** The uint32 (RFC 4251 §5) at `offset`, of bytes that are known to be there: where a `Reader` would be too much. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** One array holding the given ones, in order. Always a copy. */
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

/** Whether two byte strings are equal, in time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

/** The big-endian unsigned integer that the bytes spell. */
export function bytesToBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

/**
 * A non-negative integer as big-endian bytes: exactly `length` bytes, or as few as it takes (none for 0).
 * Throws `internal` when it does not fit, or is negative.
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
