import { generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { ecdsaScalars, fromNode, keyVector, named, nodeKeys, signatureBlob } from "@nacre/testing/keys";
import { bigIntToBytes, bytesToBigInt, concatBytes, Writer } from "@nacre/wire";
import { assert, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  defaultSignatureAlgorithms,
  ed25519PrivateKey,
  generateEcdsa,
  generateEd25519,
  type PrivateKey,
  privateKeyFromFields,
  type SignatureAlgorithm,
} from "../src/index.ts";

interface Twin {
  /** For node:crypto's `sign`. */
  readonly digest: string | null;
  /** Bytes of r and of s. */
  readonly scalar?: number;
  readonly key: () => PrivateKey;
  readonly node: () => KeyObject;
}

const TWINS: ReadonlyMap<string, Twin> = new Map(
  Object.entries<Twin>({
    "ssh-ed25519": {
      digest: null,
      key: () => generateEd25519(random),
      node: () => generateKeyPairSync("ed25519").privateKey,
    },
    "ecdsa-sha2-nistp256": {
      digest: "sha256",
      scalar: 32,
      key: () => generateEcdsa("nistp256", random),
      node: () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
    },
    "ecdsa-sha2-nistp384": {
      digest: "sha384",
      scalar: 48,
      key: () => generateEcdsa("nistp384", random),
      node: () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
    },
    "ecdsa-sha2-nistp521": {
      digest: "sha512",
      scalar: 66,
      key: () => generateEcdsa("nistp521", random),
      node: () => generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
    },
    "rsa-sha2-512": {
      digest: "sha512",
      key: () => privateKeyFromFields(keyVector("rsa-3072").fields),
      node: () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    },
    "rsa-sha2-256": {
      digest: "sha256",
      key: () => privateKeyFromFields(keyVector("rsa-2048").fields),
      node: () => generateKeyPairSync("rsa", { modulusLength: 3072, publicExponent: 3 }).privateKey,
    },
  }),
);
const random = hashChainRandom("twin");

describe.each(defaultSignatureAlgorithms)("$name", (algorithm: SignatureAlgorithm) => {
  const { name } = algorithm;
  const { digest, scalar, key, node } = TWINS.get(name)!;

  function nodeVerifies(publicKey: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
    const dsaEncoding = "ieee-p1363";
    const { r, s } = scalar === undefined ? { r: 0n, s: 0n } : ecdsaScalars(signature);
    const blob =
      scalar === undefined ? signatureBlob(signature) : concatBytes(bigIntToBytes(r, scalar), bigIntToBytes(s, scalar));
    return verify(digest, data, { key: publicKey, dsaEncoding }, blob);
  }

  function nodeSigns(privateKey: KeyObject, data: Uint8Array): Uint8Array {
    const blob = sign(digest, data, { key: privateKey, dsaEncoding: "ieee-p1363" });
    if (scalar === undefined) return named(name, blob);
    const r = bytesToBigInt(blob.subarray(0, scalar));
    const s = bytesToBigInt(blob.subarray(scalar));
    return named(name, new Writer().mpint(r).mpint(s).finish());
  }

  test("what we sign, node:crypto verifies, and the other way round", () => {
    const mine = key();
    const twin = nodeKeys(mine);
    assert(
      property(uint8Array({ maxLength: 300 }), (data) => {
        const signature = mine.sign(name, data, random);
        expect(algorithm.verify(mine.publicKey.blob, data, signature)).toBe(true);
        expect(nodeVerifies(twin.publicKey, data, signature)).toBe(true);
        expect(algorithm.verify(mine.publicKey.blob, data, nodeSigns(twin.privateKey, data))).toBe(true);
        const changed = concatBytes(data, Uint8Array.of(0));
        expect(algorithm.verify(mine.publicKey.blob, changed, signature)).toBe(false);
      }),
      { numRuns: 10 },
    );
  });

  test("a key that node:crypto made signs and verifies here", () => {
    const privateKey = node();
    const mine = fromNode(privateKey);
    const data = random(100);
    expect(algorithm.verify(mine.publicKey.blob, data, nodeSigns(privateKey, data))).toBe(true);
    expect(nodeVerifies(nodeKeys(mine).publicKey, data, mine.sign(name, data, random))).toBe(true);
  });

  test("no changed byte of a signature is taken, and nothing but false comes of it", () => {
    const mine = key();
    const data = random(50);
    const signature = mine.sign(name, data, random);
    for (let i = 0; i < signature.length; i += Math.ceil(signature.length / 40)) {
      const changed = signature.map((byte, k) => (k === i ? byte ^ (1 << (i % 8)) : byte));
      expect(algorithm.verify(mine.publicKey.blob, data, changed)).toBe(false);
    }
  });

  test("no bytes whatever make verify throw", () => {
    const { blob } = key().publicKey;
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        expect(algorithm.verify(blob, bytes, bytes)).toBe(false);
        expect(algorithm.verify(blob, bytes, named(name, bytes))).toBe(false);
      }),
      { numRuns: 30 },
    );
  });
});

test("a signature does not depend on the random source, which RSA alone asks", () => {
  const data = random(10);
  for (const name of ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"]) {
    const key = privateKeyFromFields(keyVector(name).fields);
    const algorithm = key.publicKey.algorithms.at(0)!.name;
    let asked = 0;
    const counting = (length: number) => {
      asked++;
      return random(length);
    };
    expect(key.sign(algorithm, data, counting)).toEqual(key.sign(algorithm, data, random));
    expect(asked > 0).toBe(name === "rsa-2048");
  }
});

test("a private key keeps its own copy of the seed", () => {
  const seed = random(32);
  const key = ed25519PrivateKey(seed);
  const before = key.sign("ssh-ed25519", seed, random);
  const data = seed.slice();
  seed.fill(0);
  expect(key.sign("ssh-ed25519", data, random)).toEqual(before);
});
