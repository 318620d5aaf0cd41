// The package validates public keys without noble. These tests compare its verdicts with noble's.

import { expectError } from "@nacre/testing/errors";
import { named } from "@nacre/testing/keys";
import { bigIntToBytes, toHex } from "@nacre/wire";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { assert, bigInt, boolean, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { nistCurves } from "../src/ecdsa-format.ts";
import { parsePublicKey } from "../src/index.ts";

const P = 2n ** 255n - 19n;

/** Encodes the y coordinate and the sign of x in 32 bytes. */
function encoded(y: bigint, isNegative: boolean): Uint8Array {
  return bigIntToBytes(y | (isNegative ? 1n << 255n : 0n), 32).toReversed();
}

function nobleVerdict(point: Uint8Array): "good" | "key-weak" | "key-malformed" {
  try {
    return ed25519.Point.fromBytes(point, false).isSmallOrder() ? "key-weak" : "good";
  } catch {
    return "key-malformed";
  }
}

function check(point: Uint8Array): void {
  const verdict = nobleVerdict(point);
  const parse = (): unknown => parsePublicKey(named("ssh-ed25519", point));
  if (verdict === "good") parse();
  else expectError(verdict, parse);
}

describe("an Ed25519 point", () => {
  test("gets noble's verdict for any y and any sign of x", () => {
    let good = 0;
    assert(
      property(bigInt({ min: 0n, max: 2n ** 255n - 1n }), boolean(), (y, isNegative) => {
        check(encoded(y, isNegative));
        if (nobleVerdict(encoded(y, isNegative)) === "good") good++;
      }),
      { numRuns: 300 },
    );
    // About half of all values of y belong to a point.
    expect(good).toBeGreaterThan(50);
  });

  test("gets noble's verdict at the edges of the field and beyond", () => {
    for (let i = 0n; i < 40n; i++)
      for (const isNegative of [false, true])
        for (const y of [i, (P - 1n) / 2n + i, P - 20n + i]) if (y < 2n ** 255n) check(encoded(y, isNegative));
  });

  test("is weak for all eight points of small order, and malformed with the wrong sign", () => {
    const found = new Set<string>();
    const eighth = ed25519.Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    let point = ed25519.Point.ZERO;
    for (let i = 0; i < 8; i++, point = point.add(eighth)) {
      found.add(toHex(point.toBytes()));
      expectError("key-weak", () => parsePublicKey(named("ssh-ed25519", point.toBytes())));
    }
    expect(found.size).toBe(8);
    for (const y of [1n, P - 1n]) check(encoded(y, true));
  });
});

describe.each([
  ["nistp256", p256],
  ["nistp384", p384],
  ["nistp521", p521],
] as const)("a point of %s", (curve, noble) => {
  const size = nistCurves[curve].size;
  const parse = (point: Uint8Array): unknown => parsePublicKey(named(`ecdsa-sha2-${curve}`, curve, point));

  test("uses the same curve parameters as noble", () => {
    const { p, a, b, n } = noble.Point.CURVE();
    const own = nistCurves[curve];
    expect([own.p, own.p - 3n, own.b, own.order, own.size]).toEqual([p, a, b, n, noble.lengths.secretKey]);
  });

  test("gets noble's verdict for points on and off the curve, and for unreduced coordinates", () => {
    for (let i = 1n; i < 30n; i++) {
      const { x, y } = noble.Point.BASE.multiply(i).toAffine();
      for (const [u, v] of [
        [x, y],
        [x, nistCurves[curve].p - y],
        [x, y + 1n],
        [x + 1n, y],
        [x + nistCurves[curve].p, y],
        [x, y + nistCurves[curve].p],
        [0n, 0n],
      ] as const) {
        if (u >= 1n << BigInt(8 * size) || v >= 1n << BigInt(8 * size)) continue;
        const point = Uint8Array.of(4, ...bigIntToBytes(u, size), ...bigIntToBytes(v, size));
        if (noble.utils.isValidPublicKey(point, false)) parse(point);
        else expectError("key-malformed", () => parse(point));
      }
    }
  });

  test("must be uncompressed and not at infinity", () => {
    const good = noble.Point.BASE.toBytes(false);
    for (const point of [
      noble.Point.BASE.toBytes(true),
      Uint8Array.of(0),
      good.with(0, 5),
      new Uint8Array(good.length),
    ])
      expectError("key-malformed", () => parse(point));
    parse(good);
  });
});
