import { Reader, SshError, toHex, utf8DecodeLossy, utf8Encode, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../../test-vectors/rfc4251.json" with { type: "json" };

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
  return "nothing thrown";
}

function readText(value: string, maxLength?: number): string {
  return new Reader(new Writer().string(value).finish(), "text").text("text", maxLength);
}

describe("RFC 4251 §5 examples", () => {
  it.each(vectors.mpint)("mpint $value", ({ value, bytes }) => {
    const number = value.startsWith("-") ? -BigInt(value.slice(1)) : BigInt(value);
    expect(toHex(new Writer().mpint(number).finish())).toBe(bytes);
    expect(new Reader(hex(bytes), "example").mpint("value")).toBe(number);
  });

  it.each(vectors.nameList)("name-list $names", ({ names, bytes }) => {
    expect(toHex(new Writer().nameList(names).finish())).toBe(bytes);
    expect(new Reader(hex(bytes), "example").nameList("names")).toEqual(names);
  });

  it.each(vectors.uint)("$type $value", ({ type, value, bytes }) => {
    const writer = new Writer();
    expect(toHex((type === "uint32" ? writer.uint32(Number(value)) : writer.uint64(BigInt(value))).finish())).toBe(
      bytes,
    );
    const reader = new Reader(hex(bytes), "example");
    expect(BigInt(type === "uint32" ? reader.uint32("value") : reader.uint64("value"))).toBe(BigInt(value));
  });
});

describe("Writer and Reader", () => {
  it("round-trip a sequence of all data types", () => {
    const name = fc.stringMatching(/^[!-+\--~]{1,20}$/);
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.boolean(),
        fc.nat(0xffff_ffff),
        fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: "binary" }),
        fc.bigInt(-(1n << 300n), 1n << 300n),
        fc.array(name),
        (byte, boolean, uint32, uint64, bytes, text, mpint, names) => {
          const writer = new Writer(1).byte(byte).boolean(boolean).uint32(uint32).uint64(uint64);
          const written = writer.string(bytes).string(text).mpint(mpint).nameList(names).finish();
          const reader = new Reader(written, "all");
          expect(reader.byte("byte")).toBe(byte);
          expect(reader.boolean("boolean")).toBe(boolean);
          expect(reader.uint32("uint32")).toBe(uint32);
          expect(reader.uint64("uint64")).toBe(uint64);
          expect(reader.string("bytes")).toEqual(bytes);
          expect(reader.text("text")).toBe(utf8DecodeLossy(utf8Encode(text)));
          expect(reader.mpint("mpint")).toBe(mpint);
          expect(reader.nameList("names")).toEqual(names);
          reader.end();
        },
      ),
    );
  });

  it("round-trip text of up to 1024 bytes and truncate longer text between characters", () => {
    for (const [value, read] of [
      ["x".repeat(1024), "x".repeat(1024)],
      ["x".repeat(1025), `${"x".repeat(1024)}…`],
      ["é".repeat(512), "é".repeat(512)],
      [`x${"é".repeat(512)}`, `x${"é".repeat(511)}…`],
      [`xx${"€".repeat(400)}`, `xx${"€".repeat(340)}…`],
      ["𝄞".repeat(257), `${"𝄞".repeat(256)}…`],
      [`x${"𝄞".repeat(256)}`, `x${"𝄞".repeat(255)}…`],
      [" ".repeat(250_000), `${" ".repeat(1024)}…`],
    ] as const)
      expect(readText(value)).toBe(read);
    expect(readText("x".repeat(5000), Infinity)).toHaveLength(5000);
  });

  it("write an mpint from bytes without its leading zeros", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
        expect(new Writer().mpintBytes(bytes).finish()).toEqual(new Writer().mpint(value).finish());
      }),
    );
  });

  it("leave a finished array unchanged by later writes", () => {
    const writer = new Writer(4).uint32(1);
    const first = writer.finish();
    writer.uint32(2);
    expect(toHex(first)).toBe("00000001");
  });
});

describe("invalid data", () => {
  it.each([
    ["a length past the end", "00000005 61626364", (r: Reader) => r.string("s")],
    ["a length of 2^32−1", "ffffffff 61", (r: Reader) => r.string("s")],
    ["half a uint32", "0000", (r: Reader) => r.uint32("n")],
    ["an mpint with an unnecessary zero byte", "00000002 0001", (r: Reader) => r.mpint("n")],
    ["an mpint that is a lone zero byte", "00000001 00", (r: Reader) => r.mpint("n")],
    ["an mpint with an unnecessary 0xff byte", "00000002 ffff", (r: Reader) => r.mpint("n")],
    ["an empty name in a list", "00000003 612c2c", (r: Reader) => r.nameList("l")],
    ["a list that begins with a comma", "00000002 2c61", (r: Reader) => r.nameList("l")],
    ["a name with a space", "00000003 612062", (r: Reader) => r.name("n")],
    ["a name with NUL", "00000002 6100", (r: Reader) => r.name("n")],
    ["ill-formed UTF-8", "00000002 c0af", (r: Reader) => r.utf8("t")],
    ["trailing bytes", "0102", (r: Reader) => [r.byte("b"), r.end()]],
  ])("is rejected: %s", (_, bytes, read) => {
    expect(codeOf(() => read(new Reader(hex(bytes.replaceAll(" ", "")), "thing")))).toBe("malformed-message");
  });

  it("is reported with the structure, the field and the offset", () => {
    const reader = new Reader(hex("010000000561"), "SSH_MSG_THING");
    reader.byte("first");
    expect(() => reader.string("second")).toThrow(
      "SSH_MSG_THING: second at offset 1 declares 5 bytes, but only 1 left",
    );
  });

  it("is reported with the error code given to the reader", () => {
    expect(codeOf(() => new Reader(hex("00"), "key", { code: "key-malformed" }).uint32("n"))).toBe("key-malformed");
  });

  it("is rejected by the writer if a number is out of range", () => {
    for (const value of [-1, 2 ** 32, 1.5, Number.NaN])
      expect(codeOf(() => new Writer().uint32(value))).toBe("internal");
    for (const value of [-1n, 1n << 64n]) expect(codeOf(() => new Writer().uint64(value))).toBe("internal");
  });
});
