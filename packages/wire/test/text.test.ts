import { escapeText, utf8Decode, utf8DecodeLossy, utf8Encode } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

// The platform's codec is the independent reference.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

function platformDecode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

describe("UTF-8", () => {
  it("encodes like the platform, including lone surrogates", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { maxLength: 50 }), (units) => {
        const text = String.fromCharCode(...units);
        expect(utf8Encode(text)).toEqual(new TextEncoder().encode(text));
      }),
    );
  });

  it("decodes like the platform, including ill-formed bytes", () => {
    const interesting = fc.constantFrom(
      0x00,
      0x41,
      0x80,
      0xbf,
      0xc0,
      0xc2,
      0xdf,
      0xe0,
      0xa0,
      0x9f,
      0xed,
      0xef,
      0xf0,
      0x90,
      0x8f,
      0xf4,
      0xf5,
      0xff,
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(interesting, fc.nat(255)), { maxLength: 20 }), (list) => {
        const bytes = Uint8Array.from(list);
        expect(utf8Decode(bytes)).toBe(platformDecode(bytes));
        expect(utf8DecodeLossy(bytes)).toBe(lossy.decode(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("round-trips long text", () => {
    const text = "naïve – ☃ 🐚 ".repeat(3000);
    expect(utf8Decode(utf8Encode(text))).toBe(text);
  });
});

describe("escapeText", () => {
  it.each([
    ["an escape sequence", "\u001b[2Jred", "\\x1b[2Jred"],
    ["carriage return and line feed", "a\r\nb", "a\\x0d\\x0ab"],
    ["NUL and DEL", "a\u0000b\u007f", "a\\x00b\\x7f"],
    ["C1 controls", "\u009b31m", "\\x9b31m"],
    ["bidirectional overrides", "user\u202etxt", "user\\u{202e}txt"],
    ["zero-width and tag characters", "a\u200bb\u{e0041}", "a\\u{200b}b\\u{e0041}"],
    ["line and paragraph separators", "a\u2028b\u2029", "a\\u{2028}b\\u{2029}"],
    ["a backslash, so that text cannot imitate an escape", "\\x1b", "\\\\x1b"],
    ["text in any script, which stays unchanged", "żółw 亀 🐢", "żółw 亀 🐢"],
  ])("%s", (_, text, escaped) => {
    expect(escapeText(text)).toBe(escaped);
  });

  it("keeps line feeds and tabs with `keepLines`, and escapes other control characters", () => {
    expect(escapeText("one\r\ntwo\tthree\rfour\u001b", { keepLines: true })).toBe("one\ntwo\tthree\\x0dfour\\x1b");
  });
});
