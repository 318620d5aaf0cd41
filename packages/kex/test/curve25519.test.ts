import {
  exchange,
  expectExchange,
  expectRefused,
  fromHex,
  given,
  mpint,
  readVectors,
  SMALL_ORDER,
  seeded,
  string,
} from "@nacre/testing/kex";
import { describe, expect, it } from "vitest";
import { curve25519Sha256, curve25519Sha256Libssh } from "../src/index.ts";

const { x25519 } = readVectors();

describe.each([curve25519Sha256, curve25519Sha256Libssh])("$name", (method) => {
  it.each(x25519)("$name", (vector) => {
    const both = exchange(method, given(fromHex(vector.clientSecret)), given(fromHex(vector.serverSecret)));
    expectExchange(both, string(vector.clientPublic), string(vector.serverPublic), mpint(vector.shared));
  });

  it("rejects points of small order on both sides, which make the secret predictable", () => {
    for (const point of SMALL_ORDER) expectRefused(method, fromHex(point), "small order");
  });

  it("accepts only public keys of exactly 32 bytes", () => {
    for (const length of [0, 1, 31, 33, 64, 1000])
      expectRefused(method, new Uint8Array(length).fill(9), `has ${length} bytes, expected 32`);
  });
});

it("curve25519-sha256 and curve25519-sha256@libssh.org are the same method", () => {
  const [one, other] = [curve25519Sha256, curve25519Sha256Libssh].map((method) =>
    exchange(method, seeded(1), seeded(2)),
  );
  expect(one).toEqual(other);
});
