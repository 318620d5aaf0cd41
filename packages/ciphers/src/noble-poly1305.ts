import { Poly1305 } from "@noble/ciphers/_poly1305.js";

/*
 * As for AES, an unstable API of noble is used in this file only, and the version of noble is pinned.
 */

const BLOCK = 16;

/**
 * Returns the Poly1305 tag, 16 bytes, of `slab[start, end)` under a one-time key of 32 bytes. Passes whole blocks to noble in place,
 * because its `update` copies the packet first.
 */
export function poly1305Tag(slab: Uint8Array, start: number, end: number, key: Uint8Array): Uint8Array {
  const mac = new Poly1305(key);
  const rest = end - ((end - start) % BLOCK);
  for (let offset = start; offset < rest; offset += BLOCK) mac["process"](slab, offset);
  return mac.update(slab.subarray(rest, end)).digest();
}
