import { expectError } from "@nacre/testing/errors";
import { keyOf, vectors } from "@nacre/testing/keyfiles";
import { utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import {
  formatPublicKey,
  formatSshfp,
  matchesSshfp,
  parsePublicKeyFile,
  parsePublicKeyLine,
  parsePublicKeyPem,
  parseSshfp,
} from "../src/index.ts";

const keys = vectors.publicKeys.map(({ line, rfc4716 }) => ({ ...parsePublicKeyLine(line), rfc4716 }));
const ed25519 = keys[0]!.publicKey;
const rsa = keys.at(-1)!.publicKey;

describe("a public key for other programs", () => {
  test.each(keys)("$publicKey.format equals that of ssh-keygen in RFC 4716", ({ publicKey, rfc4716 }) => {
    const comment = /^Comment: "(.*)"$/m.exec(rfc4716)![1]!;
    expect(formatPublicKey(publicKey, { format: "rfc4716", comment })).toBe(rfc4716);
    expect(parsePublicKeyFile(rfc4716).comment).toBe(comment);
  });

  test("has lines of at most 72 bytes and is read again, with a comment of any length", () => {
    for (const comment of ["", "a", "ü".repeat(30), "x".repeat(61), "x".repeat(62), "é\\ü ".repeat(150), 'a "b" \\']) {
      const text = formatPublicKey(ed25519, { format: "rfc4716", comment });
      for (const line of text.split("\n")) expect(utf8Encode(line).length).toBeLessThanOrEqual(72);
      const read = parsePublicKeyFile(text);
      expect([read.comment, read.publicKey.blob]).toEqual([comment, ed25519.blob]);
    }
  });

  test.each(keys)("$publicKey.format is read again in PEM", ({ publicKey }) => {
    for (const format of ["pkcs8", "pem"] as const)
      expect(parsePublicKeyPem(formatPublicKey(publicKey, { format })).blob).toEqual(publicKey.blob);
  });

  test("has the label of PKCS#1 only for RSA", () => {
    expect(formatPublicKey(rsa, { format: "pem" })).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/);
    expect(formatPublicKey(ed25519, { format: "pem" })).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
  });

  test.each([
    ["a comment in PEM", { format: "pem", comment: "c" }],
    ["a comment of two lines", { format: "rfc4716", comment: "a\nb" }],
    ["a long comment", { format: "rfc4716", comment: "x".repeat(1023) }],
  ] as const)("rejects with usage: %s", (_, options) => {
    expectError("usage", () => formatPublicKey(ed25519, options));
  });

  test("rejects text without one such block, and damaged ones", () => {
    const text = formatPublicKey(rsa, { format: "pkcs8" });
    expectError("file-malformed", () => parsePublicKeyPem(""));
    expectError("file-malformed", () => parsePublicKeyPem(text + text));
    expectError("file-malformed", () => parsePublicKeyPem(text.replace("MII", "MIJ")));
    expectError("key-unsupported", () =>
      parsePublicKeyPem(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n",
      ),
    );
    for (let end = 0; end < text.length - 1; end += 7)
      expectError("file-malformed", () => parsePublicKeyPem(text.slice(0, end)));
  });
});

describe("SSHFP", () => {
  const lines = keys.flatMap(({ publicKey }) =>
    (["sha1", "sha256"] as const).map((hash) => ({ publicKey, line: formatSshfp("host.example.", publicKey, hash) })),
  );

  test("records are read again, and match their key only", () => {
    expect(lines.map(({ line }) => line.split(" ").slice(0, 5).join(" "))).toContain("host.example. IN SSHFP 4 2");
    for (const { publicKey, line } of lines)
      for (const other of keys)
        expect(matchesSshfp(parseSshfp(line), other.publicKey)).toBe(other.publicKey === publicKey);
  });

  test.each([
    "h SSHFP 4 1 0123456789abcdef0123456789abcdef01234567",
    "h 3600 IN SSHFP 4 1 0123456789ABCDEF0123456789abcdef01234567",
    "h\tIN\t3600\tsshfp\t4\t1\t01234567 89abcdef 01234567 89abcdef 01234567  ",
  ])("%j is read", (line) => {
    expect(parseSshfp(line)).toMatchObject({ name: "h", algorithm: 4, hash: 1 });
    expect(parseSshfp(line).fingerprint).toHaveLength(20);
  });

  test.each([
    "",
    "h IN A 192.0.2.1",
    "h IN SSHFP 4 1",
    "h IN SSHFP 4 1 012",
    "h IN SSHFP 4 1 01",
    "h IN SSHFP 4 2 0123456789abcdef0123456789abcdef01234567",
    "h IN SSHFP 256 9 01",
    "h IN SSHFP 4 1 0123456789abcdef0123456789abcdef0123456g",
  ])("%j is malformed", (line) => {
    expectError("file-malformed", () => parseSshfp(line));
  });

  test("with an unknown hash match no key", () => {
    const record = parseSshfp("h IN SSHFP 4 9 00");
    expect(matchesSshfp(record, keyOf("ed25519-plain").publicKey)).toBe(false);
  });

  test("names must not contain what a zone file reads otherwise", () => {
    for (const name of ["", "a b", "a\nb", "a;b", "(a"])
      expectError("usage", () => formatSshfp(name, ed25519, "sha256"));
  });
});
