import { type Bytes, SshError, utf8Decode, utf8Encode } from "@nacre/wire";

/**
 * Encodes a path or name as bytes: UTF-8, except that a lone surrogate from U+DC80 to U+DCFF becomes the one byte 0x80 to 0xFF. Reverses
 * `decodePath`. Throws `usage` if the text contains NUL or another lone surrogate.
 */
export function encodePath(text: string): Bytes {
  const ascii = asciiEncode(text);
  if (ascii !== undefined) return ascii;
  if (text.includes("\0")) throw new SshError("usage", "a path must not contain NUL");
  if (!LONE_SURROGATE.test(text)) return utf8Encode(text);
  const bytes: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (code < 0xd800 || code > 0xdfff) bytes.push(...utf8Encode(char));
    else if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else throw new SshError("usage", `a path must not contain the lone surrogate U+${code.toString(16)}`);
  }
  return Uint8Array.from(bytes);
}

/**
 * Decodes a path or name as text. File systems such as Linux's allow any bytes in names. Each byte that is not part of valid UTF-8 becomes
 * a lone surrogate from U+DC80 to U+DCFF, as in Python (PEP 383), so `encodePath` returns the same bytes. Use `escapeText` to show
 * the result: it may contain lone surrogates and control characters.
 */
export function decodePath(bytes: Uint8Array): string {
  const text = utf8Decode(bytes);
  if (text !== undefined) return text;
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const length = charLength(bytes, at);
    out += length > 0 ? utf8Decode(bytes.subarray(at, at + length))! : String.fromCharCode(0xdc00 + bytes[at]!);
    at += Math.max(length, 1);
  }
  return out;
}

/** Encodes US-ASCII, as which most names are. Returns `undefined` for other text and for NUL. */
function asciiEncode(text: string): Bytes | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0 || code >= 0x80) return undefined;
    bytes[at] = code;
  }
  return bytes;
}

/** Matches a surrogate that is not part of a pair: with the flag `u`, a pair is one character outside the range. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** Returns the length of the valid UTF-8 character at `at`, or 0. */
function charLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++)
    if (utf8Decode(bytes.subarray(at, at + length)) !== undefined) return length;
  return 0;
}
