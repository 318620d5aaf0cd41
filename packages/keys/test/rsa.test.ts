import { fromHex } from "@nacre/testing/bytes";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { keyVector, named, rsaFields, signatureBlob, signatureVectors } from "@nacre/testing/keys";
import { bigIntToBytes, bytesToBigInt, concatBytes, utf8Encode, Writer } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, test } from "vitest";
import { parsePublicKey, privateKeyFromFields, rsaSha2_256, rsaSha2_512 } from "../src/index.ts";
import { modPow } from "../src/modular.ts";

const random = hashChainRandom("rsa");
const data = utf8Encode("signed");

describe("rsa", () => {
  const fields = rsaFields("rsa-2048");
  const { n, e, d, p, q, iqmp } = fields;
  const { blob } = keyVector("rsa-2048");

  test("rejects a modulus of 1,000,000 bits by its length", () => {
    const huge = new Uint8Array(125_000).fill(0xff);
    huge[0] = 0x7f;
    const hostile = new Writer().string("ssh-rsa").mpint(e).string(huge).finish();
    expectError("key-weak", () => parsePublicKey(hostile));
    expect(() => parsePublicKey(hostile)).toThrow("125000 bytes");
    expectError("key-weak", () => rsaSha2_512.verify(hostile, data, data));
    const hugeExponent = new Writer().string("ssh-rsa").string(huge).mpint(n).finish();
    expectError("key-weak", () => parsePublicKey(hugeExponent));
  });

  test.each([
    ["2047 bits", (1n << 2046n) | 1n, 3n],
    ["16385 bits", (1n << 16384n) | 1n, 3n],
    ["an even modulus", 1n << 2047n, 3n],
    ["e = 1", n, 1n],
    ["e = 2", n, 2n],
    ["an even e", n, 65538n],
    ["an e of 65 bits", n, (1n << 64n) | 1n],
    ["an e of 256 bits", n, (1n << 255n) | 1n],
  ])("rejects as weak: %s", (_, modulus, exponent) => {
    const weak = named("ssh-rsa", exponent, modulus);
    expectError("key-weak", () => parsePublicKey(weak));
    expectError("key-weak", () => rsaSha2_256.verify(weak, data, data));
  });

  test.each([
    ["e = 0", n, 0n],
    ["a negative e", n, -3n],
    ["a modulus of 0", 0n, 3n],
    ["a negative modulus", -n, 3n],
  ])("rejects as malformed: %s", (_, modulus, exponent) => {
    expectError("key-malformed", () => parsePublicKey(named("ssh-rsa", exponent, modulus)));
  });

  test.each([2048, 16384])("accepts a modulus of %i bits", (bits) => {
    const edge = named("ssh-rsa", 3n, (1n << BigInt(bits - 1)) | 1n);
    expect(parsePublicKey(edge).bits).toBe(bits);
  });

  test("accepts an exponent of 64 bits", () => {
    expect(parsePublicKey(named("ssh-rsa", (1n << 63n) | 1n, n)).bits).toBe(2048);
  });

  test("rejects a signature forged with e = 1", () => {
    const message = encoded({});
    const forged = named("rsa-sha2-256", bigIntToBytes(message, 256));
    expectError("key-weak", () => rsaSha2_256.verify(named("ssh-rsa", 1n, n), data, forged));
  });

  test.each([
    ["correct padding", {}, true],
    ["short padding, extra bytes after the digest", { padding: 8, after: 194 }, false],
    ["short padding, extra bytes before the digest", { padding: 8, before: 194 }, false],
    ["padding of block type 2", { type: 2 }, false],
    ["padding with another byte in it", { byte: 0xfe }, false],
    ["no NULL in the DigestInfo", { info: "302f300b06096086480165030402010420", padding: 204 }, false],
    ["SHA-512's name on a SHA-256 digest", { info: "3031300d060960864801650304020305000420" }, false],
    ["a bare digest", { info: "", padding: 221 }, false],
  ] as const)("PKCS#1 v1.5: %s", (_, shape, valid) => {
    const signature = bigIntToBytes(modPow(encoded(shape), d, n), 256);
    expect(rsaSha2_256.verify(blob, data, named("rsa-sha2-256", signature))).toEqual(valid ? {} : undefined);
  });

  test("rejects a signature longer than the modulus, and an empty one", () => {
    const own = privateKeyFromFields(fields);
    const signature = signatureBlob(own.sign("rsa-sha2-256", data, random));
    expect(signature).toHaveLength(256);
    for (const bad of [concatBytes(Uint8Array.of(0), signature), new Uint8Array(), new Uint8Array(1_000_000)])
      expect(rsaSha2_256.verify(blob, data, named("rsa-sha2-256", bad))).toBeUndefined();
  });

  test("rejects a signature value that is not below the modulus", () => {
    const short = signatureVectors.find(({ what, valid }) => valid && what.startsWith("the leading zero"))!;
    const s = bytesToBigInt(signatureBlob(short.signature));
    const verify = (value: bigint) =>
      rsaSha2_256.verify(blob, short.data, named("rsa-sha2-256", bigIntToBytes(value, 256)));
    expect([s, s + n].map(verify)).toEqual([{}, undefined]);
  });

  test.each([
    ["n", { n: n + 2n }],
    ["d", { d: d + 2n }],
    ["d modulo q − 1", { d: d + p - 1n }],
    ["d modulo p − 1", { d: d + q - 1n }],
    ["d = 0", { d: 0n }],
    ["d ≥ n", { d: d + (p - 1n) * (q - 1n) * 2n }],
    ["p and q", { p: p + 2n }],
    ["p = 1", { p: 1n, q: n }],
    ["negative factors", { p: -p, q: -q }],
    ["p and q exchanged", { p: q, q: p }],
    ["iqmp", { iqmp: iqmp + 1n }],
    ["iqmp ≥ p", { iqmp: iqmp + p }],
    ["iqmp = 0", { iqmp: 0n }],
    ["e", { e: e + 2n }],
  ])("rejects a private key with a wrong value as malformed: %s", (_, wrong) => {
    expectError("key-malformed", () => privateKeyFromFields({ ...fields, ...wrong }));
  });

  test("rejects weak public values in a private key too", () => {
    expectError("key-weak", () => privateKeyFromFields({ ...fields, e: 1n }));
    expectError("key-weak", () => privateKeyFromFields({ ...fields, n: 15n, p: 3n, q: 5n }));
    expectError("key-weak", () => privateKeyFromFields({ ...fields, n: n + 1n }));
  });

  test("withholds a signature corrupted by a fault", () => {
    // The factors are composite, so the two halves combine to a wrong signature, as after a fault.
    const other = rsaFields("rsa-2048-other");
    const [a, b] = [p * other.p, q * other.q];
    const modulus = a * b;
    const broken = {
      format: "ssh-rsa",
      n: modulus,
      e: 65537n,
      d: inverse(65537n, (a - 1n) * (b - 1n)),
      p: a,
      q: b,
    } as const;
    const key = privateKeyFromFields({ ...broken, iqmp: inverse(b, a) });
    expectError("internal", () => key.sign("rsa-sha2-256", data, random));
  });
});

/** Returns an encoded message for a modulus of 256 bytes, correct except for the parts given in `shape` (RFC 8017 §9.2). */
function encoded(shape: {
  readonly type?: number;
  readonly padding?: number;
  readonly byte?: number;
  readonly info?: string;
  readonly before?: number;
  readonly after?: number;
}): bigint {
  const padding = new Uint8Array(shape.padding ?? 202).fill(0xff);
  if (shape.byte !== undefined) padding[100] = shape.byte;
  const message = concatBytes(
    Uint8Array.of(0, shape.type ?? 1),
    padding,
    Uint8Array.of(0),
    fromHex(shape.info ?? "3031300d060960864801650304020105000420"),
    new Uint8Array(shape.before ?? 0).fill(0x5a),
    sha256(data),
    new Uint8Array(shape.after ?? 0).fill(0x5a),
  );
  expect(message).toHaveLength(256);
  return bytesToBigInt(message);
}

/** Returns the modular inverse, by the recursive extended Euclidean algorithm. */
function inverse(a: bigint, m: bigint): bigint {
  const euclid = (x: bigint, y: bigint): [bigint, bigint] => {
    if (y === 0n) return [1n, 0n];
    const [s, t] = euclid(y, x % y);
    return [t, s - (x / y) * t];
  };
  const [s] = euclid(a, m);
  return ((s % m) + m) % m;
}
