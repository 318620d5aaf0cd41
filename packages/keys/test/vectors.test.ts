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
import { concatBytes, Reader, toHex, utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import vectors from "../../../test-vectors/keys-rfc.json" with { type: "json" };
import {
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  type EcdsaCurve,
  ecdsaPrivateKey,
  ed25519,
  ed25519PrivateKey,
  fingerprint,
  issueCertificate,
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

describe("another bound for RSA keys", () => {
  const { blob, fields } = keyVector("rsa-1024");
  const algorithms = defaultSignatureAlgorithms.filter(({ keyFormat }) => keyFormat === "ssh-rsa");

  test("is taken by public keys, private keys and signatures alike", () => {
    expect(parsePublicKey(blob, { minRsaBits: 1024 }).bits).toBe(1024);
    const key = privateKeyFromFields(fields, { minRsaBits: 1024 });
    const data = utf8Encode("data");
    for (const algorithm of algorithms) {
      const signature = key.sign(algorithm.name, data, random);
      expect(algorithm.withMinRsaBits!(1024).verify(blob, data, signature)).toEqual({});
      expect(algorithm.withMinRsaBits!(1024).verify(blob, utf8Encode("other"), signature)).toBeUndefined();
      expectError("key-weak", () => algorithm.withMinRsaBits!(1025).verify(blob, data, signature));
      expectError("key-weak", () =>
        algorithm.withMinRsaBits!(1024).withMinRsaBits!(2048).verify(blob, data, signature),
      );
    }
    // A number, such as the index that `map` passes, is not a bound. A bound is at least 1,024 bits.
    for (const bounds of [0, 1, 7, {}, undefined, { minRsaBits: Number.NaN }]) {
      expectError("key-weak", () => parsePublicKey(blob, bounds as object));
      expectError("key-weak", () => privateKeyFromFields(fields, bounds as object));
    }
    for (const bits of [1025, 2048, 3072]) {
      expectError("key-weak", () => parsePublicKey(blob, { minRsaBits: bits }));
      expectError("key-weak", () => privateKeyFromFields(fields, { minRsaBits: bits }));
    }
  });

  test("short RSA keys: least bound · server", () => {
    // The key has 1,023 bits: one less than any bound allows.
    const n = (1n << 1022n) | 1n;
    const short = new Writer().string("ssh-rsa").mpint(65537n).mpint(n).finish();
    for (const minRsaBits of [1024, 512, 1, 0, -1]) {
      expectError("key-weak", () => parsePublicKey(short, { minRsaBits }));
      for (const algorithm of algorithms)
        expectError("key-weak", () =>
          algorithm.withMinRsaBits!(minRsaBits).verify(short, new Uint8Array(0), new Uint8Array(0)),
        );
    }
  });

  test("is taken by the key and the authority of a certificate, but not below the default", () => {
    const strong = privateKeyFromFields(keyVector("rsa-2048").fields);
    const ed = privateKeyFromFields(usable.find(({ format }) => format === "ssh-ed25519")!.fields);
    const names = { type: "user", keyId: "alice", principals: ["alice"], validBefore: "forever", random } as const;
    const certificates = [
      issueCertificate(ed, { publicKey: strong.publicKey, ...names }),
      issueCertificate(strong, { publicKey: ed.publicKey, ...names }),
    ];
    for (const certificate of certificates) {
      const format = new Reader(certificate, "certificate").name("format");
      const algorithm = defaultCertificateAlgorithms.find(({ keyFormat }) => keyFormat === format)!;
      const signer = format.startsWith("ssh-rsa") ? strong : ed;
      const data = utf8Encode("data");
      const signature = signer.sign(algorithm.signatureName, data, random);
      expect(algorithm.withMinRsaBits!(2048).verify(certificate, data, signature)).toBeDefined();
      expectError("key-weak", () => algorithm.withMinRsaBits!(3072).verify(certificate, data, signature));
    }
    const weak = parsePublicKey(blob, { minRsaBits: 1024 });
    const certificate = issueCertificate(ed, { publicKey: weak, ...names });
    const algorithm = defaultCertificateAlgorithms.find(({ keyFormat }) => keyFormat.startsWith("ssh-rsa"))!;
    expectError("key-weak", () => algorithm.withMinRsaBits!(1024).certificate!(certificate));
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
