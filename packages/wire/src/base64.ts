import type { Bytes } from "./bytes.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Encodes bytes as base64 with padding, on one line (RFC 4648 §4). */
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
 * Decodes padded base64 (RFC 4648 §4) into a new array. Returns `undefined` unless the text is exactly the output of
 * {@link base64Encode}: spaces, line breaks, missing padding and non-zero unused bits in the last digit are rejected.
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
  // RFC 4648 §3.5: the unused bits of the last digit must be zero.
  return (group & ((1 << bits) - 1)) === 0 ? out : undefined;
}

/** Returns the value of a base64 digit, or −1. Uses comparisons: the timing of a table lookup could leak a private key. */
function valueOf(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  if (code === 0x2b) return 62;
  return code === 0x2f ? 63 : -1;
}
