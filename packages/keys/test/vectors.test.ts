import { fromHex } from "@nacre/testing/bytes";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import {
  algorithmsOf,
  ecdsaScalars,
  keyVector,
  keyVectors,
  signatureBlob,
  signatureVectors,
} from "@nacre/testing/keys";
import { concatBytes, toHex, utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import vectors from "../../../test-vectors/keys-rfc.json" with { type: "json" };
import {
  defaultSignatureAlgorithms,
  type EcdsaCurve,
  ecdsaPrivateKey,
  ed25519,
  ed25519PrivateKey,
  fingerprint,
  parsePublicKey,
  privateKeyFromFields,
} from "../src/index.ts";

const rfc = vectors as {
  ed25519: { seed: string; publicKey: string; message: string; signature: string }[];
  ecdsa: {
    curve: EcdsaCurve;
    d: string;
    x: string;
    y: string;
    signatures: { message: string; r: string; s: string }[];
  }[];
};
const random = hashChainRandom("vectors");

describe("RFC 8032 §7.1", () => {
  test.each(rfc.ed25519)("message $message", ({ seed, publicKey, message, signature }) => {
    const key = ed25519PrivateKey(fromHex(seed));
    expect(key.fields).toEqual({ format: "ssh-ed25519", seed: fromHex(seed), publicKey: fromHex(publicKey) });
    const made = key.sign("ssh-ed25519", fromHex(message), random);
    expect(toHex(signatureBlob(made))).toBe(signature);
    expect(ed25519.verify(key.publicKey.blob, fromHex(message), made)).toEqual({});
  });
});

describe("RFC 6979 §A.2", () => {
  test.each(rfc.ecdsa.flatMap((key) => key.signatures.map((signature) => ({ ...key, ...signature }))))(
    "$curve, message $message",
    ({ curve, d, x, y, message, r, s }) => {
      const key = ecdsaPrivateKey(curve, BigInt(`0x${d}`));
      expect(key.fields).toMatchObject({ publicPoint: concatBytes(Uint8Array.of(4), fromHex(x), fromHex(y)) });
      const algorithm = algorithmsOf(key.publicKey).at(0)!;
      const made = key.sign(algorithm.name, utf8Encode(message), random);
      expect(ecdsaScalars(made)).toEqual({ r: BigInt(`0x${r}`), s: BigInt(`0x${s}`) });
      expect(algorithm.verify(key.publicKey.blob, utf8Encode(message), made)).toEqual({});
    },
  );
});

const usable = keyVectors.filter(({ name }) => name !== "rsa-1024");

describe("keys from ssh-keygen", () => {
  test.each(keyVectors)("$name has the fingerprints that ssh-keygen prints", ({ blob, fingerprints }) => {
    expect(fingerprint(blob, "sha256")).toBe(fingerprints.sha256);
    expect(fingerprint(blob, "md5")).toBe(fingerprints.md5);
  });

  test.each(usable)("parses the public key $name", ({ blob, format, bits }) => {
    const key = parsePublicKey(blob);
    expect(key).toMatchObject({ format, blob, bits });
    expect(key.blob).not.toBe(blob);
    expect(algorithmsOf(key).every((algorithm) => algorithm.keyFormat === format)).toBe(true);
  });

  test.each(usable)(
    "$name: private values give the same public key and valid signatures",
    ({ blob, format, bits, fields }) => {
      const key = privateKeyFromFields(fields);
      expect(key.publicKey).toMatchObject({ format, blob, bits });
      expect(key.fields).toEqual(fields);
      for (const algorithm of algorithmsOf(key.publicKey)) {
        const data = utf8Encode(`for ${algorithm.name}`);
        expect(algorithm.verify(blob, data, key.sign(algorithm.name, data, random))).toEqual({});
      }
    },
  );

  test("rejects an RSA key of 1024 bits as weak", () => {
    const { blob, fields } = keyVector("rsa-1024");
    expectError("key-weak", () => parsePublicKey(blob));
    expectError("key-weak", () => privateKeyFromFields(fields));
    for (const algorithm of defaultSignatureAlgorithms.filter(({ keyFormat }) => keyFormat === "ssh-rsa"))
      expectError("key-weak", () => algorithm.verify(blob, new Uint8Array(), new Uint8Array()));
  });
});

describe("signatures from ssh-keygen and openssl", () => {
  test.each(signatureVectors)("$key, $algorithm: $what", ({ key, algorithm, data, signature, valid }) => {
    const verifier = defaultSignatureAlgorithms.find(({ name }) => name === algorithm)!;
    expect(verifier.verify(keyVector(key).blob, data, signature)).toEqual(valid ? {} : undefined);
  });

  test.each(signatureVectors.filter(({ valid, what }) => valid && !what.includes("left out")))(
    "$key, $algorithm: signs the same data ($what)",
    ({ key, algorithm, data, signature }) => {
      const made = privateKeyFromFields(keyVector(key).fields).sign(algorithm, data, random);
      // OpenSSL's ECDSA nonces are random, so those signatures differ.
      if (!algorithm.startsWith("ecdsa")) expect(toHex(made)).toBe(toHex(signature));
    },
  );

  test("the vectors contain valid and invalid signatures of every algorithm", () => {
    // Those of security keys have vectors of OpenSSH (openssh.test.ts).
    for (const { name } of defaultSignatureAlgorithms.filter(({ keyFormat }) => !keyFormat.startsWith("sk-"))) {
      const valid = signatureVectors.filter((vector) => vector.algorithm === name).map((vector) => vector.valid);
      expect(new Set(valid)).toEqual(new Set([true, false]));
    }
  });
});
