import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { bodyOf, finish, flipped, keyOf, PASSPHRASE, pem, textOf, unlock } from "@nacre/testing/keyfiles";
import { base64Encode, equalBytes, SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { formatPrivateKey, openPrivateKey } from "../src/index.ts";

const CODES = [
  "file-malformed",
  "key-malformed",
  "key-unsupported",
  "key-weak",
  "passphrase-wrong",
  "passphrase-needed",
];

/**
 * Opens a damaged file. It must cause an `SshError` of an expected code, or give the original key (if the damage is in a comment or salt).
 * `unchecked` allows another key, for a file without a public key that would reveal a damaged seed. Returns the outcome.
 */
function mustBeHarmless(text: string | Uint8Array, blob: Uint8Array, { passphrase = "", unchecked = false }): string {
  try {
    const file = openPrivateKey(text);
    const { privateKey } = file.encrypted ? finish(file.decrypt(passphrase)) : file;
    const same = equalBytes(privateKey.publicKey.blob, blob);
    expect(same || unchecked).toBe(true);
    return same ? "same" : "another";
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    expect(CODES).toContain(error.code);
    return error.code;
  }
}

const random = hashChainRandom("damage");
const FILES = [
  { name: "OpenSSH, plain", text: textOf("ed25519-plain") },
  { name: "PKCS#8, plain", text: textOf("openssl-ed25519"), unchecked: true },
  { name: "SEC1, plain", text: textOf("ecdsa-256-PEM-plain") },
  { name: "SEC1, DEK-Info", text: textOf("dek-aes256"), passphrase: PASSPHRASE },
  {
    name: "PKCS#8, PBES2",
    text: finish(formatPrivateKey(keyOf("ecdsa-256-plain"), { format: "pkcs8", passphrase: "p", rounds: 1, random })),
    passphrase: "p",
  },
];

describe.each(FILES)("$name", (file) => {
  const { text, passphrase } = file;
  const { blob } = unlock(text, passphrase).privateKey.publicKey;

  test("is malformed when truncated at any character", () => {
    for (let length = 0; length < text.trimEnd().length; length++)
      expect(mustBeHarmless(text.slice(0, length), blob, file)).toBe("file-malformed");
  });

  test("is harmless with any character changed", () => {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [0x01, 0x20, 0x80]) {
        mustBeHarmless(flipped(bytes, at, mask), blob, file);
      }
    }
  });

  test("is harmless when the decoded bytes are truncated or changed anywhere", () => {
    const [, begin, base64 = "", end] = /^([^]*?-----\n(?:[^]*\n\n)?)([^]*?)(-----END[^]*)$/.exec(text) ?? [];
    const body = bodyOf(base64);
    const rebuilt = (bytes: Uint8Array): string => `${begin}${base64Encode(bytes)}\n${end}`;
    expect(mustBeHarmless(rebuilt(body), blob, file)).toBe("same");
    for (let at = 0; at < body.length; at++) {
      mustBeHarmless(rebuilt(body.subarray(0, at)), blob, file);
      for (const mask of [0x01, 0x80, 0xff]) {
        mustBeHarmless(rebuilt(flipped(body, at, mask)), blob, file);
      }
    }
  });
});

test("an encrypted OpenSSH file is harmless with any header byte, or every eighth other byte, changed", () => {
  const text = textOf("cipher-aes256-cbc");
  const { blob } = unlock(text, PASSPHRASE).privateKey.publicKey;
  const body = bodyOf(text);
  for (let at = 0; at < body.length; at += at < 60 ? 1 : 8) {
    const damaged = pem("OPENSSH PRIVATE KEY", flipped(body, at, 0xff));
    const outcome = mustBeHarmless(damaged, blob, { passphrase: PASSPHRASE });
    expect(outcome).not.toBe("passphrase-needed");
  }
});
