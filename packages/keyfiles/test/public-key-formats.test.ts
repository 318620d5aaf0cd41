import { nistCurves } from "@nacre/keys/internal";
import { expectError } from "@nacre/testing/errors";
import { keyOf, vectors } from "@nacre/testing/keyfiles";
import { base64Decode, bigIntToBytes, bytesToBigInt, utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { der } from "../src/der.ts";
import {
  formatPublicKey,
  formatSshfp,
  matchesSshfp,
  parsePublicKeyFile,
  parsePublicKeyLine,
  parsePublicKeyPem,
  parseSshfp,
} from "../src/index.ts";
import { formatPem } from "../src/pem.ts";

const keys = vectors.publicKeys.map(({ line, rfc4716 }) => ({ ...parsePublicKeyLine(line), rfc4716 }));
const ed25519 = keys[0]!.publicKey;
const rsa = keys.at(-1)!.publicKey;

const publicKeyPem = (spki: Uint8Array): string => formatPem("PUBLIC KEY", spki, 64);

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

  // Of `openssl ec -pubout`, with and without `-conv_form compressed`.
  test.each([
    [
      "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADDE6UH9rGDpcBaWsBA3FB63wHZVT0KOaI90hTS4N99To=",
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDE6UH9rGDpcBaWsBA3FB63wHZVT0KOaI90hTS4N99TqM9R3H5gFmgUjUo5w44XDH5zPHQvYD7vrsN4OfXb7O0Q==",
    ],
    [
      "MEYwEAYHKoZIzj0CAQYFK4EEACIDMgAC9tEMibXjL9PEasoA/AEiH75GIqSMloOkj1j5BrYSOD8lMXGBoG8sVUCDZfFhNdZv",
      "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE9tEMibXjL9PEasoA/AEiH75GIqSMloOkj1j5BrYSOD8lMXGBoG8sVUCDZfFhNdZvAXpijTB2io5wTwrpqk4cLvFxsIgTOzZKxkM5V07QCuI9mM+SD7+Jyte5Kr/iuYuK",
    ],
    [
      "MFgwEAYHKoZIzj0CAQYFK4EEACMDRAADAF++KPUg1f0KnN19GokDy69IgCb+auEioG5ICHFyz0hkULtPlK+PPcRy3pkPTyiJYx6SRuDDvtvT5EvqN6qMJb/T",
      "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAX74o9SDV/Qqc3X0aiQPLr0iAJv5q4SKgbkgIcXLPSGRQu0+Ur489xHLemQ9PKIljHpJG4MO+29PkS+o3qowlv9MAvKfOiBYtaPwdPiqcMbGlMH1qMH/t3DGae14F5lRgX1miM88iAmYX9lgOfBoecwIcru5XN1sam+sxfJhOf87U3vc=",
    ],
  ])("is read with a compressed point: %s", (...bodies) => {
    const [compressed, uncompressed] = bodies.map((body) => parsePublicKeyPem(publicKeyPem(base64Decode(body)!)));
    expect(compressed!.blob).toEqual(uncompressed!.blob);
  });

  test.each([
    ["nistp256", "1.2.840.10045.3.1.7"],
    ["nistp384", "1.3.132.0.34"],
    ["nistp521", "1.3.132.0.35"],
  ] as const)("has the point of %s that the parity names, and must be on the curve", (curve, oid) => {
    const { p, b, size } = nistCurves[curve];
    const algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid(oid));
    const yOf = (parity: number, x: bigint): bigint => {
      const bits = der.bits(Uint8Array.of(2 + parity, ...bigIntToBytes(x, size)));
      return bytesToBigInt(parsePublicKeyPem(publicKeyPem(der.sequence(algorithm, bits))).blob.subarray(-size));
    };
    let refused = 0;
    for (let x = 0n; x < 20n; x++)
      for (const parity of [0, 1])
        try {
          const y = yOf(parity, x);
          expect([(y * y) % p, y % 2n]).toEqual([x ** 3n - 3n * x + b, BigInt(parity)]);
        } catch (error) {
          expect(error).toMatchObject({ code: "key-malformed" });
          refused++;
        }
    // Half of the numbers are squares.
    expect(refused).toBeGreaterThan(4);
    expect(refused).toBeLessThan(36);
    expectError("key-malformed", () => yOf(0, p));
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
