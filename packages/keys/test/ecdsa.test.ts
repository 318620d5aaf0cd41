import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { algorithmsOf, ecdsaScalars, keyVector, named } from "@nacre/testing/keys";
import { bigIntToBytes, concatBytes, utf8Encode, Writer } from "@nacre/wire";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { describe, expect, test } from "vitest";
import {
  type EcdsaFields,
  ecdsaNistp256,
  ecdsaPrivateKey,
  generateEcdsa,
  parsePublicKey,
  privateKeyFromFields,
} from "../src/index.ts";

const random = hashChainRandom("ecdsa");
const data = utf8Encode("signed");

describe("ecdsa", () => {
  const key = privateKeyFromFields(keyVector("ecdsa-256").fields);
  const { blob } = key.publicKey;
  const format = "ecdsa-sha2-nistp256";
  const point = p256.getPublicKey(random(32), false);

  test("rejects a P-384 point in a nistp256 key, under any combination of names", () => {
    const p384Point = p384.getPublicKey(random(48), false);
    const mixed = [
      named(format, "nistp384", p384Point),
      named(format, "nistp256", p384Point),
      named(format, "nistp384", point),
      named("ecdsa-sha2-nistp384", "nistp256", point),
      named("ecdsa-sha2-nistp384", "nistp384", point),
    ];
    for (const bad of mixed) expectError("key-malformed", () => parsePublicKey(bad));
    for (const bad of mixed.slice(0, 3)) expectError("key-malformed", () => ecdsaNistp256.verify(bad, data, data));
  });

  test("rejects a point that is off the curve, at infinity, compressed, hybrid or has an unreduced coordinate", () => {
    const off = point.map((byte, i) => (i === 64 ? byte ^ 1 : byte));
    const hybrid = point.slice();
    hybrid[0] = 6 + (point.at(64)! & 1);
    const field = bigIntToBytes(p256.Point.Fp.ORDER, 32);
    const points = [
      off,
      hybrid,
      Uint8Array.of(0),
      new Uint8Array(65),
      Uint8Array.of(4, ...new Uint8Array(64)),
      p256.Point.fromBytes(point).toBytes(true),
      concatBytes(Uint8Array.of(4), field, point.subarray(33)),
      new Uint8Array(),
    ];
    for (const bad of points) expectError("key-malformed", () => parsePublicKey(named(format, "nistp256", bad)));
    expect(parsePublicKey(named(format, "nistp256", point)).bits).toBe(256);
  });

  test.each([
    ["nistp256", p256],
    ["nistp384", p384],
    ["nistp521", p521],
  ] as const)("%s: accepts both a high s and a low s", (curve, { Point }) => {
    const own = generateEcdsa(curve, random);
    const algorithm = algorithmsOf(own.publicKey).at(0)!;
    const { r, s } = ecdsaScalars(own.sign(algorithm.name, data, random));
    for (const value of [s, Point.Fn.ORDER - s])
      expect(algorithm.verify(own.publicKey.blob, data, named(algorithm.name, scalars(r, value)))).toEqual({});
  });

  test("rejects r and s outside 1…n−1", () => {
    const order = p256.Point.Fn.ORDER;
    const { r, s } = ecdsaScalars(key.sign(format, data, random));
    const bad = [
      [0n, s],
      [r, 0n],
      [0n, 0n],
      [-r, s],
      [r, -s],
      [r + order, s],
      [r, s + order],
      [order, s],
      [r, order],
      [r, 1n << 8192n],
    ] as [bigint, bigint][];
    for (const [r, s] of bad) expect(ecdsaNistp256.verify(blob, data, named(format, scalars(r, s)))).toBeUndefined();
    expect(ecdsaNistp256.verify(blob, data, named(format, scalars(r, s)))).toEqual({});
    expect(
      ecdsaNistp256.verify(blob, data, named(format, concatBytes(scalars(r, s), Uint8Array.of(0)))),
    ).toBeUndefined();
  });

  test("rejects a private scalar outside 1…n−1 and a public point of another scalar", () => {
    for (const d of [0n, -1n, p256.Point.Fn.ORDER, p256.Point.Fn.ORDER + 1n])
      expectError("key-malformed", () => ecdsaPrivateKey("nistp256", d));
    const fields = key.fields as EcdsaFields;
    expectError("key-malformed", () => privateKeyFromFields({ ...fields, publicPoint: point }));
    expectError("key-malformed", () => privateKeyFromFields({ ...fields, format: "ecdsa-sha2-nistp384" }));
  });
});

function scalars(r: bigint, s: bigint): Uint8Array {
  return new Writer().mpint(r).mpint(s).finish();
}
