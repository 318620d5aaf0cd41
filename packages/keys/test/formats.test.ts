import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { keyVector, keyVectors, named, signatureBlob } from "@nacre/testing/keys";
import { concatBytes, SshError, utf8Encode } from "@nacre/wire";
import { assert, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  defaultSignatureAlgorithms,
  parsePublicKey,
  privateKeyFromFields,
  rsaSha2_256,
  rsaSha2_512,
} from "../src/index.ts";

const random = hashChainRandom("formats");
const data = utf8Encode("signed");

describe("key blobs", () => {
  test.each(keyVectors.filter(({ bits }) => bits !== 1024))(
    "$name: is malformed when truncated at any byte or extended",
    ({ blob }) => {
      for (let length = 0; length < blob.length; length++)
        expectError("key-malformed", () => parsePublicKey(blob.subarray(0, length)));
      expectError("key-malformed", () => parsePublicKey(concatBytes(blob, Uint8Array.of(0))));
    },
  );

  test("names an unknown format in the error", () => {
    for (const format of ["ssh-dss", "ssh-xmss@openssh.com", "ssh-dss-cert-v01@openssh.com"]) {
      expectError("key-unsupported", () => parsePublicKey(named(format, data)));
      expect(() => parsePublicKey(named(format, data))).toThrow(format);
    }
  });

  test("accepts format names of at most 64 characters", () => {
    expectError("key-unsupported", () => parsePublicKey(named("a".repeat(64))));
    expectError("key-malformed", () => parsePublicKey(named("a".repeat(65))));
  });

  test("every algorithm rejects keys of another format", () => {
    for (const algorithm of defaultSignatureAlgorithms)
      for (const { format, blob } of keyVectors)
        if (format !== algorithm.keyFormat) expectError("key-malformed", () => algorithm.verify(blob, data, data));
  });

  test("a blob with a changed format name is not accepted as the original format", () => {
    for (const algorithm of defaultSignatureAlgorithms) {
      const vector = keyVectors.find(({ format, bits }) => format === algorithm.keyFormat && bits !== 1024);
      if (vector === undefined) continue;
      const { blob } = vector;
      const renamed = blob.map((byte, i) => (i === 4 + algorithm.keyFormat.length - 1 ? byte ^ 1 : byte));
      expectError("key-malformed", () => algorithm.verify(renamed, data, data));
      expectError("key-unsupported", () => parsePublicKey(renamed));
    }
  });

  test("random bytes cause no error except key errors", () => {
    assert(
      property(uint8Array({ maxLength: 80 }), (bytes) => {
        for (const blob of [bytes, ...defaultSignatureAlgorithms.map(({ keyFormat }) => named(keyFormat, bytes))]) {
          try {
            parsePublicKey(blob);
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
            expect((error as SshError).code).toMatch(/^key-/);
          }
        }
      }),
    );
  });
});

describe("signature blobs", () => {
  const key = privateKeyFromFields(keyVector("rsa-2048").fields);
  const { blob } = key.publicKey;

  test.each([
    ["rsa-sha2-256", rsaSha2_512],
    ["rsa-sha2-512", rsaSha2_256],
  ])("a signature that names %s is invalid under the other algorithm", (name, other) => {
    const signature = key.sign(name, data, random);
    expect(other.verify(blob, data, signature)).toBeUndefined();
    expect(other.verify(blob, data, named(other.name, signatureBlob(signature)))).toBeUndefined();
  });

  test("ssh-rsa is not accepted as a signature algorithm", () => {
    expectError("key-unsupported", () => key.sign("ssh-rsa", data, random));
    expect(defaultSignatureAlgorithms.map(({ name }) => name)).not.toContain("ssh-rsa");
    expect(
      rsaSha2_256.verify(blob, data, named("ssh-rsa", signatureBlob(key.sign("rsa-sha2-256", data, random)))),
    ).toBeUndefined();
  });

  test("a key rejects signature algorithms of other formats", () => {
    for (const { fields } of keyVectors.filter(({ bits }) => bits !== 1024)) {
      const own = privateKeyFromFields(fields);
      for (const { name, keyFormat } of defaultSignatureAlgorithms)
        if (keyFormat !== own.publicKey.format) expectError("key-unsupported", () => own.sign(name, data, random));
    }
  });
});
