import { fromHex } from "@nacre/testing/bytes";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { named, signatureBlob } from "@nacre/testing/keys";
import { bigIntToBytes, bytesToBigInt, concatBytes, utf8Encode } from "@nacre/wire";
import { ed25519 as curve } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { describe, expect, test } from "vitest";
import { type Ed25519Fields, ed25519, ed25519PrivateKey, parsePublicKey, privateKeyFromFields } from "../src/index.ts";

const random = hashChainRandom("ed25519");
const data = utf8Encode("signed");
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

describe("ed25519", () => {
  test("rejects a point of small order as weak", () => {
    const identity = Uint8Array.of(1, ...new Uint8Array(31));
    const order8 = fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    for (const point of [identity, new Uint8Array(32), order8]) {
      const blob = named("ssh-ed25519", point);
      expectError("key-weak", () => parsePublicKey(blob));
      expectError("key-weak", () => ed25519.verify(blob, data, new Uint8Array()));
    }
  });

  test("rejects a non-canonical encoding, and one off the curve, as malformed", () => {
    // y = p + 3 is an encoding of 3, and no point on the curve has y = 2.
    const notCanonical = Uint8Array.of(0xf0, ...new Uint8Array(30).fill(0xff), 0x7f);
    const noPoint = Uint8Array.of(2, ...new Uint8Array(31));
    // x = 0 has no negative (RFC 8032 §5.1.3).
    const negativeZero = Uint8Array.of(1, ...new Uint8Array(30), 0x80);
    for (const point of [notCanonical, noPoint, negativeZero, new Uint8Array(31), new Uint8Array(33)]) {
      const blob = named("ssh-ed25519", point);
      expectError("key-malformed", () => parsePublicKey(blob));
      expectError("key-malformed", () => ed25519.verify(blob, data, new Uint8Array()));
    }
  });

  test("rejects a second form of a signature, with S not below the group order", () => {
    const key = ed25519PrivateKey(random(32));
    const signature = key.sign("ssh-ed25519", data, random);
    const blob = signatureBlob(signature);
    const s = bytesToBigInt(blob.subarray(32).toReversed()) + order;
    const other = concatBytes(blob.subarray(0, 32), bigIntToBytes(s, 32).toReversed());
    expect(ed25519.verify(key.publicKey.blob, data, named("ssh-ed25519", other))).toBeUndefined();
    for (const length of [0, 63])
      expect(ed25519.verify(key.publicKey.blob, data, named("ssh-ed25519", blob.subarray(0, length)))).toBeUndefined();
  });

  test("rejects a non-canonical encoding of R, although the equation holds", () => {
    const seed = random(32);
    const { blob } = ed25519PrivateKey(seed).publicKey;
    const { scalar, pointBytes } = curve.utils.getExtendedPublicKey(seed);
    // R is the neutral point with y = 1. The second encoding writes it as p + 1.
    const forge = (r: Uint8Array) => {
      const k = bytesToBigInt(sha512(concatBytes(r, pointBytes, data)).toReversed());
      return named("ssh-ed25519", concatBytes(r, bigIntToBytes((k * scalar) % order, 32).toReversed()));
    };
    const canonical = forge(Uint8Array.of(1, ...new Uint8Array(31)));
    const other = forge(Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f));
    expect([canonical, other].map((signature) => ed25519.verify(blob, data, signature))).toEqual([{}, undefined]);
  });

  test("rejects a seed of another length and a public key of another seed", () => {
    for (const length of [0, 31, 33, 64]) expectError("key-malformed", () => ed25519PrivateKey(new Uint8Array(length)));
    const fields = ed25519PrivateKey(random(32)).fields as Ed25519Fields;
    expectError("key-malformed", () => privateKeyFromFields({ ...fields, seed: random(32) }));
    expectError("key-malformed", () => privateKeyFromFields({ ...fields, publicKey: fields.publicKey.subarray(1) }));
  });
});
