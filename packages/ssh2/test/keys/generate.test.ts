import { PASSPHRASE } from "@nacre/testing/keyfiles";
import ssh2 from "ssh2";
import { describe, expect, test } from "vitest";
import { generateKeyPair, generateKeyPairSync, type KeyPair, type KeyPairOptions } from "../../src/keys/generate.ts";
import { FILE_CIPHERS } from "../../src/keys/openssh-file.ts";
import { type ParsedKey, parseKey } from "../../src/keys/parse-key.ts";
import { ed25519Pair } from "../parity/made-keys.ts";

const KINDS: readonly (readonly [string, KeyPairOptions])[] = [
  ["ed25519", {}],
  ["ecdsa", { bits: 256 }],
  ["ecdsa", { bits: 384 }],
  ["ecdsa", { bits: 521 }],
  ["rsa", { bits: 2048 }],
];

/** Returns the public keys of both files. */
function blobs(key: KeyPair, parse: (text: string, passphrase?: string) => unknown, passphrase?: string): Buffer[] {
  return [parse(key.private, passphrase), parse(key.public)].map((one) => {
    if (one instanceof Error) throw one;
    return (one as ParsedKey).getPublicSSH();
  });
}

/** Returns the result, or name and text of the error. */
function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return [(error as Error).name, (error as Error).message];
  }
}

describe("generateKeyPairSync", () => {
  test.each(KINDS)("%s %o: ssh2 reads its keys, and it reads ssh2's", (type, options) => {
    // Now and then an integer begins with a zero.
    for (let i = 0; i < (type === "rsa" ? 2 : 24); i++) {
      const ours = generateKeyPairSync(type, { ...options, comment: "a comment" });
      const [inPrivate, inPublic] = blobs(ours, ssh2.utils.parseKey);
      expect(inPrivate).toEqual(inPublic);
      expect((parseKey(ours.private) as ParsedKey).comment).toBe("a comment");
      expect(ours.public).toMatch(/ a comment$/);
      const given = { ...options, comment: "a comment" };
      const theirs: KeyPair =
        type === "ed25519" ? ed25519Pair(given) : ssh2.utils.generateKeyPairSync(type as "ecdsa", given as never);
      expect(blobs(theirs, parseKey)).toEqual(blobs(theirs, ssh2.utils.parseKey));
    }
  });

  test.each(FILE_CIPHERS)("encrypts with %s", (cipher) => {
    const key = generateKeyPairSync("ed25519", { passphrase: Buffer.from(PASSPHRASE), cipher, rounds: 2 });
    const [inPrivate, inPublic] = blobs(key, parseKey, PASSPHRASE);
    expect(inPrivate).toEqual(inPublic);
    if (!cipher.startsWith("chacha20")) blobs(key, ssh2.utils.parseKey, PASSPHRASE);
    expect(parseKey(key.private, "wrong")).toBeInstanceOf(Error);
  });

  test("throws ssh2's errors", () => {
    const calls: readonly (readonly unknown[])[] = [
      [1],
      ["dsa"],
      ["rsa"],
      ["rsa", null],
      ["rsa", {}],
      ["rsa", { bits: 0 }],
      ["rsa", { bits: 16385 }],
      ["ecdsa"],
      ["ecdsa", { bits: "256" }],
      ["ecdsa", { bits: 257 }],
      ["ed25519", { passphrase: 1 }],
      ["ed25519", { passphrase: "x" }],
      ["ed25519", { passphrase: "x", cipher: "rot13" }],
      ["ed25519", { passphrase: "x", cipher: "aes256-ctr", rounds: 1.5 }],
      ["ed25519", { format: "old" }],
    ];
    for (const args of calls) {
      const theirs = outcome(() => ssh2.utils.generateKeyPairSync(...(args as ["ed25519"])));
      expect(outcome(() => generateKeyPairSync(...(args as [string])))).toEqual(theirs);
    }
  });
});

describe("generateKeyPair", () => {
  test("calls back with a key", async () => {
    const key = await new Promise<KeyPair>((resolve, reject) => {
      generateKeyPair("ECDSA", { bits: 256 }, (error, pair) => (error ? reject(error) : resolve(pair!)));
    });
    blobs(key, ssh2.utils.parseKey);
    const plain = await new Promise((resolve) => {
      generateKeyPair("ed25519", (error, pair) => resolve([error, pair !== undefined]));
    });
    expect(plain).toEqual([null, true]);
  });

  test("calls back with errors of options, and throws those of the type", async () => {
    const error = await new Promise((resolve) => generateKeyPair("ed25519", { passphrase: "x" }, resolve));
    expect(error).toEqual(new Error("Missing cipher name"));
    expect(() => generateKeyPair("dsa")).toThrow("Unsupported key type: dsa");
  });
});
