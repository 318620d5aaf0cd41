import { Poly1305 } from "@noble/ciphers/_poly1305.js";

/*
 * As with AES, a part of noble that is not its stable surface is named in this file only, and the version of noble is pinned.
 */

const BLOCK = 16;

/**
 * Poly1305 of `slab[start, end)` under a one-time key of 32 bytes: the tag, 16 bytes. Whole blocks go to noble where they lie; its
 * `update` would copy the packet first.
 */
export function poly1305Tag(slab: Uint8Array, start: number, end: number, key: Uint8Array): Uint8Array {
  const mac = new Poly1305(key);
  const rest = end - ((end - start) % BLOCK);
  for (let offset = start; offset < rest; offset += BLOCK) mac["process"](slab, offset);
  return mac.update(slab.subarray(rest, end)).digest();
}
