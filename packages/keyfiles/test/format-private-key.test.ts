import type { PrivateKey } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { bodyOf, finish, keyOf, PASSPHRASE, pem, textOf, unlock, vectors } from "@nacre/testing/keyfiles";
import { concatBytes, type RandomSource } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { type FormatPrivateKeyOptions, formatPrivateKey, openPrivateKey } from "../src/index.ts";

const random = hashChainRandom("format");
const format = (key: PrivateKey, options: Omit<FormatPrivateKeyOptions, "random">, source = random): string =>
  finish(formatPrivateKey(key, { random: source, ...options }));

const NAMES = ["ed25519-plain", "ecdsa-256-plain", "ecdsa-384-plain", "ecdsa-521-plain", "rsa-2048-plain"];

describe("a written file opens to the same key", () => {
  test.each(NAMES)("%s", (name) => {
    const key = keyOf(name);
    const again = (text: string, passphrase?: string): string => {
      const { privateKey, comment } = unlock(text, passphrase);
      expect(privateKey.fields).toEqual(key.fields);
      return comment;
    };
    expect(again(format(key, { format: "openssh", comment: "a b ü" }))).toBe("a b ü");
    expect(again(format(key, { format: "openssh" }))).toBe("");
    expect(again(format(key, { format: "pkcs8" }))).toBe("");
    expect(again(format(key, { format: "openssh", passphrase: "päss", comment: "c", rounds: 1 }), "päss")).toBe("c");
    expect(again(format(key, { format: "pkcs8", passphrase: "päss", rounds: 10 }), "päss")).toBe("");
    if (name === "ed25519-plain") return;
    expect(again(format(key, { format: "pem" }))).toBe("");
    expect(again(format(key, { format: "pem", passphrase: "päss" }), "päss")).toBe("");
  });

  test.each([
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
  ])("encrypted with %s", (cipher) => {
    const key = keyOf("ed25519-plain");
    const text = format(key, { format: "openssh", passphrase: "p", comment: "c", rounds: 1, cipher });
    const { privateKey, comment } = unlock(text, "p");
    expect([privateKey.fields, comment]).toEqual([key.fields, "c"]);
    expectError("passphrase-wrong", () => unlock(text, "q"));
  });

  test("but not with an unknown cipher", () => {
    const options = { format: "openssh", passphrase: "p", cipher: "aes512-ctr" } as const;
    expectError("usage", () => format(keyOf("ed25519-plain"), options));
  });

  test("with comments of different lengths, and so with every padding", () => {
    const key = keyOf("ed25519-plain");
    for (let length = 0; length <= 16; length++) {
      const comment = "x".repeat(length);
      expect(unlock(format(key, { format: "openssh", comment })).comment).toBe(comment);
    }
  });
});

describe("a written file equals that of OpenSSH and OpenSSL", () => {
  const plain = vectors.privateKeys.filter(
    ({ name, passphrase }) => passphrase === undefined && !/no-public|ecparam/.test(name),
  );

  test.each(plain)("$name, byte for byte", ({ text, format: kind, comment }) => {
    const { privateKey } = unlock(text);
    const written = format(privateKey, { format: kind as "openssh", comment }, checkIntOf(text));
    expect(written).toBe(text);
  });

  test("an encrypted file uses aes256-ctr and bcrypt with 24 rounds", () => {
    const ours = bodyOf(format(keyOf("ed25519-plain"), { format: "openssh", passphrase: "p", comment: "c@nacre" }));
    const theirs = bodyOf(textOf("ed25519-encrypted"));
    // Compare the bytes up to the salt, and the rounds after it.
    expect(ours.slice(0, 47)).toEqual(theirs.slice(0, 47));
    expect(ours.slice(63, 71)).toEqual(theirs.slice(63, 71));
    expect(ours[66]).toBe(24);
  });
});

/** Returns a random source that repeats the check integers of an unencrypted OpenSSH file. */
function checkIntOf(text: string): RandomSource {
  const body = bodyOf(text);
  let at = 15 + 8 + 8 + 4 + 4;
  const length = (offset: number): number => new DataView(body.buffer).getUint32(offset);
  if (text.includes("OPENSSH")) at += 4 + length(at) + 4;
  return (wanted) => body.slice(at, at + wanted);
}

const rebuilt = (body: Uint8Array): string => pem("OPENSSH PRIVATE KEY", body);

describe("a file with damaged content", () => {
  const body = bodyOf(textOf("ed25519-plain"));
  const set = (at: number, ...values: number[]): string => {
    const copy = body.slice();
    copy.set(values, at < 0 ? copy.length + at : at);
    return rebuilt(copy);
  };

  test.each([
    ["the magic", set(0, 0x4f), /magic/],
    ["two keys", set(38, 2), /number of keys.* 2/],
    ["2^32−1 keys", set(35, 0xff, 0xff, 0xff, 0xff), /4294967295/],
    ["a huge public key", set(39, 0xff, 0xff, 0xff, 0xff), /public key.*4294967295 bytes/],
    ["check ints that differ", set(39 + 4 + 51 + 4, 0), /checkint/],
    ["the padding", set(-1, 0), /padding/],
    ["padding too long", rebuilt(withPadding(300)), /padding/],
    ["a cipher without a derivation", rebuilt(replaced("none", "aes0")), /kdfname/],
    ["bytes after the end", rebuilt(concatBytes(body, Uint8Array.of(0))), /kdfname/],
  ])("is rejected with file-malformed: %s", (_, text, message) => {
    expect(expectError("file-malformed", () => openPrivateKey(text))).toMatch(message);
  });

  test("is rejected if the private key does not match the public key", () => {
    const other = bodyOf(
      finish(
        formatPrivateKey(unlock(textOf("cipher-aes128-cbc"), PASSPHRASE).privateKey, { format: "openssh", random }),
      ),
    );
    const mixed = body.slice();
    mixed.set(other.subarray(39, 39 + 55), 39);
    const message = expectError("file-malformed", () => openPrivateKey(rebuilt(mixed)));
    expect(message).toContain("does not match the public key");
  });

  function withPadding(length: number): Uint8Array {
    const end = body.lastIndexOf(1);
    const padded = concatBytes(
      body.subarray(0, end),
      Uint8Array.from({ length }, (_, i) => i + 1),
    );
    new DataView(padded.buffer).setUint32(39 + 55, padded.length - 39 - 55 - 4);
    return padded;
  }

  function replaced(from: string, to: string): Uint8Array {
    const text = String.fromCharCode(...body).replace(from, to);
    return Uint8Array.from(text, (char) => char.charCodeAt(0));
  }
});

describe("invalid options", () => {
  const ed25519 = keyOf("ed25519-plain");
  const ecdsa = keyOf("ecdsa-256-plain");
  test.each([
    ["Ed25519 as PEM", ed25519, { format: "pem" }],
    ["PPK, which has a function of its own", ecdsa, { format: "ppk" as "pem" }],
    ["PEM with a comment", ecdsa, { format: "pem", comment: "c" }],
    ["PKCS#8 with a comment", ecdsa, { format: "pkcs8", comment: "c" }],
    ["a comment that is too long", ed25519, { format: "openssh", comment: "c".repeat(1025) }],
    ["no rounds", ed25519, { format: "openssh", passphrase: "p", rounds: 0 }],
    ["half a round", ed25519, { format: "openssh", passphrase: "p", rounds: 1.5 }],
    ["too many rounds", ed25519, { format: "openssh", passphrase: "p", rounds: 2 ** 32 }],
  ] as const)("are rejected with usage: %s", (_, key, options) => {
    expectError("usage", () => format(key, options));
  });

  test("do not include an empty passphrase, which means no encryption", () => {
    expect(openPrivateKey(format(ed25519, { format: "openssh", passphrase: "" })).encrypted).toBe(false);
    expect(openPrivateKey(format(ed25519, { format: "pkcs8", passphrase: "" })).encrypted).toBe(false);
  });
});
