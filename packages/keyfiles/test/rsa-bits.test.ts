import { privateKeyFromFields } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { finish } from "@nacre/testing/keyfiles";
import { keyVector } from "@nacre/testing/keys";
import { describe, expect, test } from "vitest";
import {
  type FormatPrivateKeyOptions,
  formatPpk,
  formatPrivateKey,
  formatPublicKey,
  formatPublicKeyLine,
  openPrivateKey,
  parsePublicKeyFile,
  publicKeyInside,
} from "../src/index.ts";
import { openPlainPrivateKey } from "../src/internal.ts";

const random = hashChainRandom("rsa-bits");
const key = privateKeyFromFields(keyVector("rsa-1024").fields, { minRsaBits: 1024 });

/** Opens a file of a key of 1,024 bits with this bound, and returns the size of the key. */
function open(text: string, minRsaBits?: number): number {
  const file = openPrivateKey(text, minRsaBits === undefined ? {} : { minRsaBits });
  const { privateKey } = file.encrypted ? finish(file.decrypt("x")) : file;
  return privateKey.publicKey.bits;
}

describe("a private key of fewer than 2,048 bits", () => {
  const forms: readonly Omit<FormatPrivateKeyOptions, "random">[] = [
    { format: "openssh" },
    { format: "openssh", passphrase: "x", rounds: 1 },
    { format: "pkcs8" },
    { format: "pkcs8", passphrase: "x", rounds: 1 },
    { format: "pem" },
    { format: "pem", passphrase: "x" },
  ];
  const files: readonly (readonly [string, string])[] = [
    ...forms.map(
      (options) => [JSON.stringify(options), finish(formatPrivateKey(key, { ...options, random }))] as const,
    ),
    ...["", "x"].map(
      (passphrase) => [`ppk ${passphrase}`, finish(formatPpk(key, { passphrase, random, version: 2 }))] as const,
    ),
  ];

  test.each(files)("opens only with a lower bound: %s", (_, text) => {
    expect(open(text, 1024)).toBe(1024);
    for (const bound of [undefined, 1025, 2048]) expectError("key-weak", () => open(text, bound));
  });

  test("has the public key inside read only with a lower bound", () => {
    const text = files[1]![1];
    expect(publicKeyInside(text, { minRsaBits: 1024 })?.blob).toEqual(key.publicKey.blob);
    expectError("key-weak", () => publicKeyInside(text));
  });

  test("has its public key file read only with a lower bound", () => {
    for (const text of [formatPublicKeyLine(key.publicKey), formatPublicKey(key.publicKey, { format: "rfc4716" })]) {
      expect(parsePublicKeyFile(text, { minRsaBits: 1024 }).publicKey.blob).toEqual(key.publicKey.blob);
      for (const bounds of [undefined, { minRsaBits: 1025 }])
        expectError("key-weak", () => parsePublicKeyFile(text, bounds));
    }
  });

  test("is made with the bound by another constructor", () => {
    const bounds: unknown[] = [];
    openPlainPrivateKey(
      files[0]![1],
      (values, given) => {
        bounds.push(given?.minRsaBits);
        return privateKeyFromFields(values, given);
      },
      { minRsaBits: 1024 },
    );
    expect(bounds).toEqual([1024]);
  });

  test.each([1023, 16_385, 0, 1.5])("has no bound of %d bits", (minRsaBits) => {
    expectError("usage", () => open(files[0]![1], minRsaBits));
  });
});
