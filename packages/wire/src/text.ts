import type { Bytes } from "./bytes.ts";

/**
 * Encodes text as UTF-8 (RFC 3629). Does not use `TextEncoder`, which is not part of ECMAScript.
 * A lone surrogate becomes U+FFFD, as in Web APIs.
 */
export function utf8Encode(text: string): Bytes {
  const out = new Uint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      out[length++] = code;
      continue;
    }
    if (code < 0x800) {
      out[length++] = 0xc0 | (code >> 6);
    } else {
      if (code >= 0xd800 && code <= 0xdfff) {
        const low = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
        if (code < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          i++;
        } else {
          code = 0xfffd;
        }
      }
      if (code < 0x10000) {
        out[length++] = 0xe0 | (code >> 12);
      } else {
        out[length++] = 0xf0 | (code >> 18);
        out[length++] = 0x80 | ((code >> 12) & 0x3f);
      }
      out[length++] = 0x80 | ((code >> 6) & 0x3f);
    }
    out[length++] = 0x80 | (code & 0x3f);
  }
  return out.slice(0, length);
}

/** Decodes UTF-8. Returns `undefined` if the bytes are ill-formed, including overlong forms and surrogates. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  return decode(bytes, true);
}

/** Decodes UTF-8 for people to read. Each ill-formed sequence becomes U+FFFD. */
export function utf8DecodeLossy(bytes: Uint8Array): string {
  return decode(bytes, false) ?? "";
}

function decode(bytes: Uint8Array, strict: boolean): string | undefined {
  const ascii = asciiDecode(bytes);
  if (ascii !== undefined) return ascii;
  const parts: string[] = [];
  let units: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    const [code, length] = codePointAt(bytes, i);
    if (code < 0 && strict) return undefined;
    units.push(code < 0 ? 0xfffd : code);
    i += length;
    if (units.length >= 4096) {
      parts.push(String.fromCodePoint(...units));
      units = [];
    }
  }
  parts.push(String.fromCodePoint(...units));
  return parts.join("");
}

/** Maximum number of bytes that `asciiDecode` decodes: each is an argument of one call. */
const MAX_ASCII = 1024;

/** Decodes US-ASCII, as which most text is. Returns `undefined` for other bytes and for long text. */
function asciiDecode(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_ASCII) return undefined;
  for (let at = 0; at < bytes.length; at++) if (bytes[at]! >= 0x80) return undefined;
  // `apply` reads the array directly. A spread would call its iterator: 60 bytes would take ten times as long.
  return String.fromCharCode.apply(undefined, bytes as ArrayLike<number> as number[]);
}

/** Returns the code point at `i` and its length in bytes. If ill-formed, returns −1 and the length of the maximal ill-formed prefix. */
function codePointAt(bytes: Uint8Array, i: number): readonly [code: number, length: number] {
  const first = bytes[i]!;
  if (first < 0x80) return [first, 1];
  const extra =
    first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
  if (extra === 0) return [-1, 1];
  // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF (Unicode table 3-7).
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  let code = first & (0x3f >> extra);
  for (let k = 1; k <= extra; k++) {
    const next = bytes[i + k];
    if (next === undefined || next < (k === 1 ? low : 0x80) || next > (k === 1 ? high : 0xbf)) return [-1, k];
    code = (code << 6) | (next & 0x3f);
  }
  return [code, extra + 1];
}

/** Returns the first `length` characters of a text, and an ellipsis if there are more. */
export function cutText(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/**
 * Makes text from the peer (banners, prompts, names, disconnect descriptions) safe for a terminal or a log. Escapes control
 * characters, bidirectional overrides and invisible format characters, as in `\x1b` or `\u{202e}`, and backslashes.
 * `keepLines`, for multi-line banners, keeps line feeds, tabs and backslashes, and removes CR before LF.
 */
export function escapeText(text: string, options?: { readonly keepLines?: boolean }): string {
  const source = options?.keepLines ? text.replaceAll("\r\n", "\n") : text;
  return source.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]/gu, (char) => {
    if (options?.keepLines && (char === "\n" || char === "\t")) return char;
    if (char === "\\") return options?.keepLines ? char : "\\\\";
    const code = char.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * Returns whether `text` matches a pattern with `*` and `?`. Takes time in proportion to the product of both lengths at most: only the last
 * `*` is ever tried again, since an earlier one has nothing to win.
 */
export function matchPattern(text: string, pattern: string): boolean {
  // rule: linear-match
  return matchFrom(text, pattern);
}

function matchFrom(text: string, pattern: string): boolean {
  let t = 0;
  let p = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      starText = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
