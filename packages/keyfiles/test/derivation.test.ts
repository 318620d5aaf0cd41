import { finish } from "@nacre/testing/keyfiles";
import { toHex, utf8Encode } from "@nacre/wire";
import { sha1 } from "@noble/hashes/legacy.js";
import { pbkdf2 as twinPbkdf2 } from "@noble/hashes/pbkdf2.js";
import { scrypt as twinScrypt } from "@noble/hashes/scrypt.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pbkdf2 } from "../src/pbkdf2.ts";
import { scrypt } from "../src/scrypt.ts";

const LONG = "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038";

describe("PBKDF2", () => {
  test.each([
    ["password", "salt", 1, 20, "0c60c80f961f0e71f3a9b524af6012062fe037a6"],
    ["password", "salt", 4096, 20, "4b007901b765489abead49d926f721d065a429c1"],
    ["passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25, LONG],
  ])("RFC 6070: %s, %s, %i iterations", (passphrase, salt, iterations, length, key) => {
    expect(toHex(finish(pbkdf2(sha1, utf8Encode(passphrase), utf8Encode(salt), iterations, length)))).toBe(key);
  });

  test("agrees with noble", () => {
    const bytes = fc.uint8Array({ maxLength: 150 });
    fc.assert(
      fc.property(
        fc.constantFrom(sha1, sha256, sha512),
        bytes,
        bytes,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 200 }),
        (hash, passphrase, salt, c, dkLen) => {
          const ours = finish(pbkdf2(hash, passphrase, salt, c, dkLen));
          expect(ours).toEqual(twinPbkdf2(hash, passphrase, salt, { c, dkLen }));
        },
      ),
    );
  });

  test("yields during the computation", () => {
    expect([...pbkdf2(sha256, utf8Encode("p"), utf8Encode("s"), 10_000, 32)]).toHaveLength(4);
  });
});

describe("scrypt", () => {
  test.each([
    ["", "", 16, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"],
    ["password", "NaCl", 1024, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"],
    [
      "pleaseletmein",
      "SodiumChloride",
      16384,
      8,
      1,
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2",
    ],
  ])("RFC 7914 §12: %s", (passphrase, salt, n, r, p, start) => {
    const key = finish(scrypt(utf8Encode(passphrase), utf8Encode(salt), { n, r, p }, 64));
    expect(toHex(key).slice(0, 64)).toBe(start);
  });

  test("agrees with noble", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        (salt, log, r, p) => {
          const ours = finish(scrypt(utf8Encode("pass"), salt, { n: 2 ** log, r, p }, 40));
          expect(ours).toEqual(twinScrypt(utf8Encode("pass"), salt, { N: 2 ** log, r, p, dkLen: 40 }));
        },
      ),
    );
  });

  test("yields during the computation", () => {
    const steps = [...scrypt(utf8Encode("p"), utf8Encode("s"), { n: 16384, r: 8, p: 1 }, 32)];
    expect(steps).toHaveLength(64);
  });
});
