import type { Bytes } from "./bytes.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 with padding, on one line (RFC 4648 §4). */
export function base64Encode(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += ALPHABET[group >> 18]! + ALPHABET[(group >> 12) & 63]!;
    out += left > 1 ? ALPHABET[(group >> 6) & 63]! : "=";
    out += left > 2 ? ALPHABET[group & 63]! : "=";
  }
  return out;
}

/**
 * The bytes that padded base64 spells (RFC 4648 §4), as a fresh array. `undefined` for anything but the one text that
 * {@link base64Encode} makes of them: blanks, line breaks, missing padding and stray bits in the last digit are refused.
 */
export function base64Decode(text: string): Bytes | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let group = 0;
  let length = 0;
  for (let i = 0; i < digits; i++) {
    const value = valueOf(text.charCodeAt(i));
    if (value < 0) return undefined;
    group = ((group << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[length++] = group >> bits;
    }
  }
  // RFC 4648 §3.5: bits that no byte takes must be zero.
  return (group & ((1 << bits) - 1)) === 0 ? out : undefined;
}

/** The value of a base64 digit by its character code, or −1. By comparison, not by table: what is decoded may be a private key. */
function valueOf(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  if (code === 0x2b) return 62;
  return code === 0x2f ? 63 : -1;
}
