import { defaultSignatureAlgorithms, type EcdsaFields } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import {
  bodyOf,
  finish,
  keyOf,
  type PublicKeyVector,
  pem,
  textOf,
  unlock,
  vectors,
  zeroPaddedFile,
} from "@nacre/testing/keyfiles";
import { bigIntToBytes, equalBytes, utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { formatPublicKeyLine, openPrivateKey } from "../src/index.ts";

describe("private keys written by ssh-keygen and openssl", () => {
  test.each(vectors.privateKeys)("$name", ({ text, format, passphrase, publicKey, comment }) => {
    const file = openPrivateKey(text);
    expect(file.format).toBe(format);
    expect(file.encrypted).toBe(passphrase !== undefined);
    if (file.encrypted && format === "openssh") expect(formatPublicKeyLine(file.publicKey!)).toBe(publicKey);
    const { privateKey, comment: found } = unlock(text, passphrase);
    expect(formatPublicKeyLine(privateKey.publicKey)).toBe(publicKey);
    expect(found).toBe(comment);
    const data = utf8Encode("signed");
    const [named] = privateKey.publicKey.algorithms;
    const algorithm = defaultSignatureAlgorithms.find(({ name }) => name === named?.name)!;
    const signature = privateKey.sign(algorithm.name, data, (length) => new Uint8Array(length).fill(7));
    expect(algorithm.verify(privateKey.publicKey.blob, data, signature)).toEqual({});
  });

  test("accepts CRLF, trailing blanks, a BOM, surrounding text, and bytes instead of text", () => {
    const text = textOf("ed25519-plain");
    const { publicKey } = unlock(text).privateKey;
    for (const variant of [
      text.replaceAll("\n", "\r\n"),
      text.replaceAll("\n", " \n"),
      `\ufeff\n${text}`,
      `Subject: me\n\n${text}\nmore text\n`,
      text.trimEnd(),
    ]) {
      expect(unlock(variant).privateKey.publicKey.blob).toEqual(publicKey.blob);
      const file = openPrivateKey(utf8Encode(variant));
      expect(file.encrypted ? undefined : file.privateKey.publicKey.blob).toEqual(publicKey.blob);
    }
  });
});

describe("passphrases", () => {
  const encrypted = vectors.privateKeys.filter(
    ({ name, passphrase }) => passphrase !== undefined && /^(cipher|topk8|dek|ecdsa-256|rsa-2048)-/.test(name),
  );

  test.each(encrypted)(
    "$name: rejects a wrong and an empty passphrase, then accepts the correct one",
    ({ text, passphrase, publicKey }) => {
      const file = openPrivateKey(text);
      if (!file.encrypted) throw new Error("is encrypted");
      expectError("passphrase-wrong", () => finish(file.decrypt("Correct horse")));
      expectError("passphrase-needed", () => finish(file.decrypt("")));
      const { privateKey } = finish(file.decrypt(passphrase!));
      expect(formatPublicKeyLine(privateKey.publicKey)).toBe(publicKey);
    },
  );

  test.each(encrypted)("$name: takes the passphrase as bytes", ({ text, passphrase, publicKey }) => {
    const file = openPrivateKey(text);
    if (!file.encrypted) throw new Error("is encrypted");
    expectError("passphrase-needed", () => finish(file.decrypt(new Uint8Array())));
    const { privateKey } = finish(file.decrypt(utf8Encode(passphrase!)));
    expect(formatPublicKeyLine(privateKey.publicKey)).toBe(publicKey);
  });
});

describe("unsupported and invalid files", () => {
  test.each(vectors.unsupported)("rejects and names $name with key-unsupported", ({ name, text }) => {
    expect(expectError("key-unsupported", () => openPrivateKey(text))).toContain(name);
  });

  test.each([
    ["version 1", "PuTTY-User-Key-File-1: ssh-rsa\nEncryption: none\n", "puttygen"],
    ["SSH.COM", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAAA\n", "ssh-keygen -i"],
    ["SSH-1 RSA", "SSH PRIVATE KEY FILE FORMAT 1.1\n", "ssh-keygen -t"],
    ["ssh-dss", "-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n", "ssh-keygen -t"],
    ["ODD PRIVATE KEY", "-----BEGIN ODD PRIVATE KEY-----\nMIIB\n-----END ODD PRIVATE KEY-----\n", "Ed25519"],
    // Like the output of ssh-keygen -t ed25519-sk, up to the part that is read.
    ["sk-ssh-ed25519@openssh.com", opensshFile("sk-ssh-ed25519@openssh.com"), "ssh-agent"],
    ["ssh-dss", opensshFile("ssh-dss"), "ssh-keygen -t"],
  ])("rejects %s with key-unsupported and advice", (kind, text, advice) => {
    const message = expectError("key-unsupported", () => openPrivateKey(text));
    expect(message).toContain(kind);
    expect(message).toContain(advice);
  });

  const [{ line, rfc4716 }] = vectors.publicKeys as [PublicKeyVector];
  test.each([
    ["an empty file", "", /empty/],
    ["blank lines", "\n \n", /empty/],
    ["a public key", line, /public key.*\.pub/],
    ["a public key of RFC 4716", rfc4716, /public key/],
    ["a password", "hunter2hunter2\n", /no private key/],
    ["bytes", Uint8Array.of(0x30, 0x82, 0xff, 0xfe), /not valid UTF-8/],
    ["a truncated file", textOf("rsa-2048-plain").slice(0, 300), /line 1.*truncated/],
    ["two keys", textOf("ed25519-plain") + textOf("ecdsa-256-plain"), /line 8.*second/],
    ["an END of another kind", textOf("ed25519-plain").replace("END OPENSSH", "END RSA"), /line 7/],
    ["a line that is not base64", textOf("ed25519-plain").replace("\n", "\n!\n"), /line 2.*base64/],
    ["a missing line", textOf("ed25519-plain").replace(/\n.*\n/, "\n"), /magic|base64/],
    ["an encrypted PEM without DEK-Info", textOf("dek-aes128").replace(/DEK-Info.*\n/, ""), /line 1.*DEK-Info/],
    ["a damaged IV", textOf("dek-aes128").replace(/(DEK-Info.*,)\w\w/, "$1"), /line 1.*16 bytes/],
    ["unterminated headers", "-----BEGIN EC PRIVATE KEY-----\na: b\n-----END EC PRIVATE KEY-----\n", /line 3/],
    [
      "other headers",
      "-----BEGIN EC PRIVATE KEY-----\na: b\n\nMIIB\n-----END EC PRIVATE KEY-----\n",
      /line 1.*Proc-Type/,
    ],
  ])("rejects with file-malformed: %s", (_, text, message) => {
    const said = expectError("file-malformed", () => openPrivateKey(text));
    expect(said).toMatch(message);
    expect(said).not.toContain("hunter2");
  });
});

/** Returns an unencrypted file whose public key has that format. */
function opensshFile(format: string): string {
  const blob = new Writer().string(format).finish();
  const body = new Writer().raw(utf8Encode("openssh-key-v1\0")).string("none").string("none").string("");
  return pem("OPENSSH PRIVATE KEY", body.uint32(1).string(blob).string("").finish());
}

describe("integers of a private key", () => {
  const names = ["ecdsa-256-plain", "ecdsa-384-plain", "ecdsa-521-plain", "rsa-2048-plain"];

  test.each(names)("may have leading zeros, as other programs write them: %s", (name) => {
    const key = keyOf(name);
    for (const zeros of [0, 1, 7]) {
      const { privateKey, comment } = unlock(zeroPaddedFile(key, zeros));
      expect([privateKey.fields, comment]).toEqual([key.fields, "padded"]);
    }
  });

  test("must not be negative", () => {
    const key = keyOf("ecdsa-256-plain");
    const text = zeroPaddedFile(key, 0);
    const body = bodyOf(text);
    const { d } = key.fields as EcdsaFields;
    const secret = bigIntToBytes(d, 32);
    const at = body.findIndex((_, i) => equalBytes(body.subarray(i, i + 32), secret));
    body[at - 1] = 0xff;
    expect(expectError("file-malformed", () => openPrivateKey(pem("OPENSSH PRIVATE KEY", body)))).toContain("negative");
  });
});
