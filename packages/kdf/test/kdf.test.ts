import { fromHex } from "@nacre/testing/bytes";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import file from "../../../test-vectors/kdf.json" with { type: "json" };
import { deriveKey, deriveKeys, exchangeHash, type HashFunction, type KeyLetter } from "../src/index.ts";

interface Vector {
  readonly hash: string;
  readonly sharedSecret: string;
  readonly exchangeHash: string;
  readonly sessionId: string;
  readonly letter: KeyLetter;
  readonly length: number;
  readonly key: string;
}

const vectors = file.vectors as readonly Vector[];
const HASHES: Readonly<Record<string, HashFunction>> = { sha1, sha256, sha384, sha512 };

describe("deriveKey (RFC 4253 §7.2)", () => {
  it.each(vectors)("derives the same key $letter of $length bytes with $hash as OpenSSL", (vector) => {
    const source = {
      hash: HASHES[vector.hash]!,
      sharedSecret: fromHex(vector.sharedSecret),
      exchangeHash: fromHex(vector.exchangeHash),
      sessionId: fromHex(vector.sessionId),
    };
    expect(deriveKey(source, vector.letter, vector.length)).toEqual(fromHex(vector.key));
  });

  it("derives a prefix of the longer key for each shorter length, including 0", () => {
    const source = {
      hash: sha256,
      sharedSecret: fromHex("0000000107"),
      exchangeHash: new Uint8Array(32).fill(1),
      sessionId: new Uint8Array(32).fill(2),
    };
    const long = deriveKey(source, "C", 300);
    for (const length of [0, 1, 31, 32, 33, 64, 96, 97, 299])
      expect(deriveKey(source, "C", length)).toEqual(long.slice(0, length));
  });
});

describe("deriveKeys", () => {
  it("uses A, C, E for client to server and B, D, F for server to client", () => {
    const source = {
      hash: sha512,
      sharedSecret: fromHex("000000020080"),
      exchangeHash: new Uint8Array(64).fill(3),
      sessionId: new Uint8Array(64).fill(4),
    };
    expect(
      deriveKeys(source, {
        clientToServer: { ivLength: 12, keyLength: 32, macKeyLength: 0 },
        serverToClient: { ivLength: 16, keyLength: 24, macKeyLength: 64 },
      }),
    ).toEqual({
      clientToServer: {
        iv: deriveKey(source, "A", 12),
        key: deriveKey(source, "C", 32),
        macKey: new Uint8Array(0),
      },
      serverToClient: {
        iv: deriveKey(source, "B", 16),
        key: deriveKey(source, "D", 24),
        macKey: deriveKey(source, "F", 64),
      },
    });
  });
});

describe("exchangeHash (RFC 4253 §8)", () => {
  it("hashes strings with their lengths, but the method-specific part and K unchanged", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, bytes, bytes, bytes, (vc, vs, ic, is, ks, exchange, k) => {
        const twin = sha256.create();
        for (const part of [vc, vs, ic, is, ks]) {
          const length = new Uint8Array(4);
          new DataView(length.buffer).setUint32(0, part.length);
          twin.update(length).update(part);
        }
        twin.update(exchange).update(k);
        const h = exchangeHash(sha256, {
          clientVersion: vc,
          serverVersion: vs,
          clientKexInit: ic,
          serverKexInit: is,
          hostKey: ks,
          exchange,
          sharedSecret: k,
        });
        expect(h).toEqual(twin.digest());
      }),
    );
  });
});
