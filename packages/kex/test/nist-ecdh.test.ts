import {
  exchange,
  expectExchange,
  expectRefused,
  fromHex,
  given,
  hex,
  initOf,
  mpint,
  readVectors,
  seeded,
  string,
} from "@nacre/testing/kex";
import { describe, expect, it } from "vitest";
import { ecdhSha2Nistp256, ecdhSha2Nistp384, ecdhSha2Nistp521 } from "../src/index.ts";

const { ecdh } = readVectors();

/**
 * Each curve with its prime, and the lengths in bytes of a coordinate and of the random seed for a scalar (FIPS 186-5, SP 800-186 §3.2.1).
 */
const CURVES = [
  {
    method: ecdhSha2Nistp256,
    curve: "nistp256",
    length: 32,
    seed: 48,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  },
  {
    method: ecdhSha2Nistp384,
    curve: "nistp384",
    length: 48,
    seed: 72,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  },
  { method: ecdhSha2Nistp521, curve: "nistp521", length: 66, seed: 99, p: 2n ** 521n - 1n },
];

describe.each(CURVES)("$curve", ({ method, curve, length, seed, p }) => {
  /** Returns a random source that results in this secret key, which is the seed modulo n − 1, plus 1 (FIPS 186-5 §A.2.1). */
  const secretKey = (secret: string) =>
    given(fromHex((BigInt(`0x${secret}`) - 1n).toString(16).padStart(2 * seed, "0")));
  const point = (x: bigint, y: bigint) =>
    fromHex(`04${[x, y].map((value) => value.toString(16).padStart(2 * length, "0")).join("")}`);
  const refused = (value: Uint8Array, message: string) => expectRefused(method, value, message);
  const vectors = ecdh.filter((vector) => vector.curve === curve);
  const valid = fromHex(vectors[0]!.serverPublic);
  const [x, y] = [valid.subarray(1, 1 + length), valid.subarray(1 + length)].map((bytes) =>
    BigInt(`0x${hex(bytes)}`),
  ) as [bigint, bigint];

  it.each(vectors)("$name", (vector) => {
    const both = exchange(method, secretKey(vector.clientSecret), secretKey(vector.serverSecret));
    expectExchange(both, string(vector.clientPublic), string(vector.serverPublic), mpint(vector.shared));
  });

  it("rejects points that are not on the curve", () => {
    refused(point(x, y ^ 1n), "not on the curve");
    refused(point(x ^ 1n, y), "not on the curve");
    refused(point(y, x), "not on the curve");
    refused(point(1n, 1n), "not on the curve");
    // Some formulas encode infinity as (0, 0).
    refused(point(0n, 0n), "not on the curve");
  });

  it("rejects coordinates that are not reduced", () => {
    const b = y ** 2n - x ** 3n + 3n * x;
    for (let smallX = 1n; ; smallX++) {
      // The square root, if one exists; the formula requires p ≡ 3 (mod 4).
      const square = (smallX ** 3n - 3n * smallX + b) % p;
      const root = power((square + p) % p, (p + 1n) / 4n, p);
      if ((root * root - square) % p !== 0n) continue;
      expect(method.server(seeded()).receive(initOf(point(smallX, root))).type).toBe("done");
      refused(point(smallX + p, root), "not on the curve");
      break;
    }
  });

  it("rejects infinity, compressed and hybrid points", () => {
    refused(new Uint8Array(0), "got 0 bytes and first byte none");
    refused(Uint8Array.of(0), "got 1 bytes and first byte 0");
    const parity = Number(y & 1n);
    refused(
      Uint8Array.of(2 + parity, ...valid.subarray(1, 1 + length)),
      `got ${1 + length} bytes and first byte ${2 + parity}`,
    );
    for (const first of [0, 2, 3, 5, 6, 7, 0xff])
      refused(Uint8Array.of(first, ...valid.subarray(1)), `got ${1 + 2 * length} bytes and first byte ${first}`);
  });

  it("rejects points of other lengths, including those of other curves", () => {
    refused(valid.subarray(0, -1), `got ${2 * length} bytes`);
    refused(Uint8Array.of(...valid, 0), `got ${2 * length + 2} bytes`);
    for (const other of ecdh.filter((vector) => vector.curve !== curve))
      refused(fromHex(other.serverPublic), "uncompressed point");
  });
});

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = (result * result * (bit === "1" ? base : 1n)) % modulus;
  return result;
}
