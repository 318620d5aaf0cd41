import { base64Decode, base64Encode, utf8Encode } from "@nacre/wire";
import { array, assert, constantFrom, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";

describe("base64", () => {
  test.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
  ])("RFC 4648 §10: %j", (text, encoded) => {
    expect(base64Encode(utf8Encode(text))).toBe(encoded);
    expect(base64Decode(encoded)).toEqual(utf8Encode(text));
  });

  test("encodes and decodes like Node's Buffer", () => {
    assert(
      property(uint8Array({ maxLength: 400 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(base64Encode(bytes)).toBe(text);
        expect(base64Decode(text)).toEqual(bytes);
      }),
    );
  });

  test.each([
    "Zg",
    "Zg=",
    "Zg===",
    "Z===",
    "====",
    "=",
    "Zh==",
    "Zm9=",
    "Zm 9v",
    "Zm9v\n",
    "Zm9v====",
    "Zg==Zg==",
    "Zm-_",
    "Zmé=",
  ])("rejects %j", (text) => {
    expect(base64Decode(text)).toBeUndefined();
  });

  test("decodes only the text that the encoder produces", () => {
    assert(
      property(
        array(constantFrom("A", "Q", "g", "w", "Z", "/", "+", "9", "=", "-", " "), { maxLength: 12 }),
        (digits) => {
          const text = digits.join("");
          const bytes = base64Decode(text);
          if (bytes !== undefined) expect(base64Encode(bytes)).toBe(text);
        },
      ),
    );
  });
});
