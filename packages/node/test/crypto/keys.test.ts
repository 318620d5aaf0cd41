import {
  defaultSignatureAlgorithms,
  generateEcdsa,
  generateEd25519,
  type PrivateKey,
  type PrivateKeyValues,
  parsePublicKey,
  privateKeyFromFields,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { fromHex } from "@nacre/testing/bytes";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import {
  ecdsaScalars,
  keyVector,
  keyVectors,
  named,
  rsaFields,
  signatureBlob,
  signatureVectors,
} from "@nacre/testing/keys";
import { bigIntToBytes, bytesToBigInt, concatBytes, SshError, toHex, Writer } from "@nacre/wire";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import rfc from "../../../../test-vectors/keys-rfc.json" with { type: "json" };
import { nistCurves } from "../../src/crypto/curves.ts";
import { loadPortable } from "../../src/crypto/portable.ts";
import { nodePrivateKey } from "../../src/crypto/private-key.ts";
import * as algorithms from "../../src/crypto/verify.ts";

// Portable code replaces algorithms that node:crypto lacks; it is imported before a connection is made.
beforeAll(() => loadPortable("keys"));

const random = hashChainRandom("node");
// Those of security keys are made of these by code that both share.
const plain = Object.values(algorithms).filter(({ keyFormat }) => !keyFormat.startsWith("sk-"));
const pairs = plain.map((node) => ({
  name: node.name,
  node,
  noble: defaultSignatureAlgorithms.find(({ name }) => name === node.name)!,
}));

/** Returns the result of a verification, or the code of its error. */
function verdict(algorithm: SignatureAlgorithm, key: Uint8Array, data: Uint8Array, signature: Uint8Array): unknown {
  try {
    return algorithm.verify(key, data, signature);
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
}

function freshKey(algorithm: string): PrivateKey {
  switch (algorithm) {
    case "ssh-ed25519":
      return generateEd25519(random);
    case "rsa-sha2-256":
      return privateKeyFromFields(keyVector("rsa-2048").fields);
    case "rsa-sha2-512":
      return privateKeyFromFields(keyVector("rsa-3072").fields);
    default:
      return generateEcdsa(algorithm.replace("ecdsa-sha2-", "") as keyof typeof nistCurves, random);
  }
}

const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name).toSorted();

test("every algorithm has a noble twin", () => {
  expect(names(Object.values(algorithms))).toEqual(names(defaultSignatureAlgorithms));
});

describe("a private key", () => {
  test.each(keyVectors.filter(({ bits }) => bits !== 1024))("$name equals noble's", ({ fields }) => {
    const { publicKey, fields: own } = privateKeyFromFields(fields);
    expect(nodePrivateKey(fields)).toMatchObject({ publicKey, fields: own });
    const { publicKey: _, publicPoint: __, ...privateHalf } = { publicKey: 0, publicPoint: 0, ...fields };
    expect(nodePrivateKey(privateHalf as typeof fields)).toMatchObject({ publicKey, fields: own });
  });

  test("is rejected with noble's code if it is weak or its public key does not match", () => {
    const [ed, ec, rsa] = ["ed25519", "ecdsa-256", "rsa-2048"].map((name) => keyVector(name).fields);
    if (ed?.format !== "ssh-ed25519" || ec?.format !== "ecdsa-sha2-nistp256" || rsa?.format !== "ssh-rsa")
      throw new Error("unexpected key formats");
    const wrong: readonly PrivateKeyValues[] = [
      { ...ed, publicKey: freshKey("ssh-ed25519").publicKey.blob.slice(-32) },
      { ...ed, seed: new Uint8Array(31) },
      { ...ec, d: ec.d + 1n },
      { ...ec, d: 0n },
      { ...ec, d: nistCurves.nistp256.order },
      { ...rsa, d: rsa.d + 2n },
      { ...rsa, p: 1n },
      keyVector("rsa-1024").fields,
    ];
    for (const values of wrong) {
      const codes = [privateKeyFromFields, nodePrivateKey].map((make) => {
        try {
          return make(values);
        } catch (error) {
          return (error as SshError).code;
        }
      });
      expect(codes[0]).toMatch(/^key-/);
      expect(codes[1]).toBe(codes[0]);
    }
  });
});

describe("vectors", () => {
  test.each(signatureVectors)("$algorithm, $key: $what", ({ key, algorithm, data, signature, valid }) => {
    const { blob, fields } = keyVector(key);
    const { node } = pairs.find(({ name }) => name === algorithm)!;
    expect(node.verify(blob, data, signature)).toEqual(valid ? {} : undefined);
    if (!valid) return;
    const made = nodePrivateKey(fields).sign(algorithm, data, random);
    expect(node.verify(blob, data, made)).toEqual({});
    // ECDSA nonces are random, and RSA signatures in the vectors may be shortened.
    if (algorithm === "ssh-ed25519") expect(toHex(made)).toBe(toHex(signature));
  });

  const { ed25519 } = rfc;
  test.each(ed25519)("RFC 8032 §7.1, message $message", ({ seed, publicKey, message, signature }) => {
    const fields = { format: "ssh-ed25519", seed: fromHex(seed), publicKey: fromHex(publicKey) } as const;
    const made = nodePrivateKey(fields).sign("ssh-ed25519", fromHex(message), random);
    expect(toHex(signatureBlob(made))).toBe(signature);
  });
});

describe.each(pairs)("$name and its noble twin", ({ name, node, noble }) => {
  test("have the same properties", () => {
    expect([node.name, node.keyFormat]).toEqual([noble.name, noble.keyFormat]);
  });

  test("accept each other's signatures, and no signatures of other data", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        const key = freshKey(name);
        const signatures = [key, nodePrivateKey(key.fields)].map((signer) => signer.sign(name, data, random));
        if (!name.startsWith("ecdsa")) expect(toHex(signatures[0]!)).toBe(toHex(signatures[1]!));
        const { blob } = key.publicKey;
        const changed = concatBytes(data, Uint8Array.of(0));
        for (const signature of signatures) {
          for (const one of [node, noble]) {
            expect(one.verify(blob, data, signature)).toEqual({});
            expect(one.verify(blob, changed, signature)).toBeUndefined();
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  test("agree on every flipped bit, truncation and other algorithm name of a signature", () => {
    const key = freshKey(name);
    const { blob } = key.publicKey;
    const data = random(50);
    const signature = key.sign(name, data, random);
    const step = Math.ceil((8 * signature.length) / 300);
    for (let bit = 0; bit < 8 * signature.length; bit += step) {
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(node.verify(blob, data, changed)).toBeUndefined();
    }
    for (let length = 0; length < signature.length; length += 1 + (length >> 4))
      expect(node.verify(blob, data, signature.slice(0, length))).toBeUndefined();
    expect(node.verify(blob, data, concatBytes(signature, Uint8Array.of(0)))).toBeUndefined();
    for (const other of pairs.filter((pair) => pair.name !== name))
      expect(node.verify(blob, data, named(other.name, signatureBlob(signature)))).toBeUndefined();
  });

  test("never throw for a valid key, for any signature bytes", () => {
    const { blob } = freshKey(name).publicKey;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(node.verify(blob, bytes, bytes)).toBeUndefined();
        expect(node.verify(blob, bytes, named(name, bytes))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  test("reject the same keys with the same codes", () => {
    const key = freshKey(name);
    const { blob } = key.publicKey;
    const data = random(20);
    const signature = key.sign(name, data, random);
    const bad = [
      ...keyVectors.map((vector) => vector.blob),
      new Uint8Array(),
      blob.slice(0, -1),
      concatBytes(blob, Uint8Array.of(0)),
      named("ssh-unknown", data),
      named(noble.keyFormat),
      named("ssh-ed25519", Uint8Array.of(1, ...new Uint8Array(31))),
      named("ssh-ed25519", Uint8Array.of(2, ...new Uint8Array(31))),
      named("ssh-rsa", 1n, (1n << 2047n) | 1n),
      named("ssh-rsa", 3n, (1n << 1023n) | 1n),
      named("ecdsa-sha2-nistp256", "nistp256", new Uint8Array(65)),
      named("ecdsa-sha2-nistp256", "nistp384", new Uint8Array(65)),
    ];
    const none = [
      new Uint8Array(),
      data,
      signature.slice(0, -1),
      named(name, new Uint8Array(64)),
      named("ssh-unknown"),
    ];
    for (const one of bad)
      for (const by of [signature, ...none]) expect(verdict(node, one, data, by)).toBe(verdict(noble, one, data, by));
  });

  test("sign only with their own algorithm names", () => {
    const key = nodePrivateKey(freshKey(name).fields);
    for (const other of ["ssh-rsa", "ssh-dss", "", ...pairs.map((pair) => pair.name)]) {
      if (key.publicKey.algorithms.some((algorithm) => algorithm.name === other)) continue;
      expectError("key-unsupported", () => key.sign(other, random(10), random));
    }
  });
});

describe("both reject a signature with", () => {
  const data = random(40);

  test.each(["nistp256", "nistp384", "nistp521"] as const)("r or s outside 1…n−1 (%s)", (curve) => {
    const { order } = nistCurves[curve];
    const name = `ecdsa-sha2-${curve}`;
    const { node, noble } = pairs.find((pair) => pair.name === name)!;
    const key = freshKey(name);
    const { r, s } = ecdsaScalars(key.sign(name, data, random));
    const cases: readonly (readonly [bigint, bigint, boolean])[] = [
      [r, s, true],
      [r, order - s, true],
      [0n, s, false],
      [r, 0n, false],
      [-r, s, false],
      [r, -s, false],
      [order, s, false],
      [r, order, false],
      [r + order, s, false],
      [r, s + order, false],
      [r, 1n << 8192n, false],
    ];
    for (const [one, other, good] of cases) {
      const signature = named(name, new Writer().mpint(one).mpint(other).finish());
      for (const algorithm of [node, noble])
        expect(verdict(algorithm, key.publicKey.blob, data, signature)).toEqual(good ? {} : undefined);
    }
  });

  test("S not below the order of the base point (ssh-ed25519)", () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const key = freshKey("ssh-ed25519");
    const blob = signatureBlob(key.sign("ssh-ed25519", data, random));
    const s = bytesToBigInt(blob.subarray(32).toReversed()) + order;
    const other = concatBytes(blob.subarray(0, 32), bigIntToBytes(s, 32).toReversed());
    expect(algorithms.ed25519.verify(key.publicKey.blob, data, named("ssh-ed25519", other))).toBeUndefined();
  });

  test("a number above the modulus, a wrong length, or the padding of another hash (RSA)", () => {
    const key = privateKeyFromFields(rsaFields("rsa-2048"));
    const { n } = rsaFields("rsa-2048");
    const { blob } = key.publicKey;
    const short = signatureVectors.find(({ what, valid }) => valid && what.startsWith("the leading zero"))!;
    const s = bytesToBigInt(signatureBlob(short.signature));
    const verify = (bytes: Uint8Array): boolean =>
      algorithms.rsaSha2_256.verify(blob, short.data, named("rsa-sha2-256", bytes)) !== undefined;
    expect(verify(bigIntToBytes(s))).toBe(true);
    expect(verify(bigIntToBytes(s, 256))).toBe(true);
    expect(verify(bigIntToBytes(s + n, 256))).toBe(false);
    expect(verify(bigIntToBytes(s, 257))).toBe(false);
    expect(verify(new Uint8Array(256))).toBe(false);
    expect(verify(new Uint8Array())).toBe(false);
    const other = signatureBlob(key.sign("rsa-sha2-512", data, random));
    expect(algorithms.rsaSha2_256.verify(blob, data, named("rsa-sha2-256", other))).toBeUndefined();
  });
});

test("RSA verification works for every permitted exponent and modulus", () => {
  // OpenSSL rejects exponents above 64 bits with a modulus above 3072 bits. Verification must not throw for the largest permitted key.
  const { n } = rsaFields("rsa-3072");
  for (const [exponent, modulus] of [
    [3n, n],
    [(1n << 63n) | 1n, n],
    [(1n << 63n) | 1n, (1n << 4095n) | 1n],
    [65537n, (1n << 16383n) | 1n],
  ] as const) {
    const blob = named("ssh-rsa", exponent, modulus);
    expect(parsePublicKey(blob).format).toBe("ssh-rsa");
    const signature = named("rsa-sha2-512", random(300));
    for (const { node, noble } of pairs.filter((pair) => pair.name.startsWith("rsa")))
      expect(verdict(node, blob, random(10), signature)).toBe(verdict(noble, blob, random(10), signature));
  }
});
