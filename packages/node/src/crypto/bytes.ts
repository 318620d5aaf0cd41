import * as crypto from "node:crypto";
import { randomFillSync, timingSafeEqual } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, MacAlgorithm } from "@nacre/packet";
import { type Bytes, SshError } from "@nacre/wire";

/** Returns the same memory as a plain `Uint8Array`, because `Buffer.slice` does not copy and callers rely on a copy. */
export function plainBytes(buffer: Buffer<ArrayBuffer>): Bytes {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** Returns the same memory as a `Buffer`. */
export function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** Returns bytes in base64url (RFC 4648 §5), without padding. */
export function base64url(bytes: Uint8Array): string {
  return bufferOf(bytes).toString("base64url");
}

/** Returns random bytes in newly allocated memory, not in Node's buffer pool. */
export function nodeRandom(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

/** `hash` of `node:crypto`, which Node lacks before 20.12. `@nacre/ssh2`, a bundle of this code, runs there, too. */
export const hash: (algorithm: string, data: Uint8Array, encoding: "buffer") => Buffer<ArrayBuffer> =
  crypto.hash ?? ((algorithm, data) => crypto.createHash(algorithm).update(data).digest());

/** Throws `internal` unless key, IV and MAC key have the algorithm's lengths, so that a bug in the caller cannot produce a weak key. */
export function checkKeys(cipher: CipherAlgorithm, keys: DirectionKeys, mac: MacAlgorithm | undefined): void {
  const { key, iv, macKey } = keys;
  const fits =
    key.length === cipher.keyLength && iv.length === cipher.ivLength && macKey.length === (mac?.keyLength ?? 0);
  if (!fits || (mac === undefined) !== cipher.aead)
    throw new SshError("internal", `keys for ${cipher.name} have the wrong lengths, or the MAC does not fit`);
}

/** Compares a packet's tag at `offset` in `slab` with the expected tag in constant time. Throws `mac-mismatch` if they differ. */
export function checkTag(expected: Uint8Array, slab: Uint8Array, offset: number): void {
  // rule: node-tag
  if (!timingSafeEqual(expected, slab.subarray(offset, offset + expected.length))) throw mismatch();
}

/** Returns the `mac-mismatch` error. It does not reveal which bytes were wrong. */
export function mismatch(): SshError {
  return new SshError("mac-mismatch", "a packet failed its integrity check; it was corrupted or forged in transit");
}
