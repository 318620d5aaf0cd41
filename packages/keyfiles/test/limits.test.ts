import { expectError } from "@nacre/testing/errors";
import { bodyOf, keyOf, PASSPHRASE, pem, textOf, unlock } from "@nacre/testing/keyfiles";
import { impossibleLimits } from "@nacre/testing/limits";
import { utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { der } from "../src/der.ts";
import { openPrivateKey } from "../src/index.ts";
import { KEY_FILE_LIMITS } from "../src/limits.ts";

/** Returns a file that was written with 2 rounds of bcrypt and patched to another number. */
function withRounds(rounds: number): string {
  const body = bodyOf(textOf("cipher-aes256-ctr"));
  // Offset after the magic, ciphername, kdfname, the length of kdfoptions and the salt.
  const at = 15 + (4 + 10) + (4 + 6) + 4 + (4 + 16);
  const data = new DataView(body.buffer);
  expect(data.getUint32(at)).toBe(2);
  data.setUint32(at, rounds);
  return pem("OPENSSH PRIVATE KEY", body);
}

function pbes2(derivation: Uint8Array, oid = "2.16.840.1.101.3.4.1.42", iv = 16, data = 16): string {
  const encryption = der.sequence(der.oid(oid), der.octets(new Uint8Array(iv)));
  const parameters = der.sequence(derivation, encryption);
  const algorithm = der.sequence(der.oid("1.2.840.113549.1.5.13"), parameters);
  return pem("ENCRYPTED PRIVATE KEY", der.sequence(algorithm, der.octets(new Uint8Array(data))));
}

const salt = der.octets(new Uint8Array(8));

function pbkdf2(...rest: Uint8Array[]): Uint8Array {
  return der.sequence(der.oid("1.2.840.113549.1.5.12"), der.sequence(salt, ...rest));
}

function scrypt(...costs: (bigint | number)[]): Uint8Array {
  const parameters = der.sequence(salt, ...costs.map((cost) => der.integer(cost)));
  return der.sequence(der.oid("1.3.6.1.4.1.11591.4.11"), parameters);
}

/** Returns an encrypted OpenSSH file with the given parts and a well-formed public key. */
function encryptedFile(cipher: string, kdf: string, ciphertext: number, tag: number): string {
  const options = new Writer().string(new Uint8Array(16)).uint32(16).finish();
  const head = new Writer().raw(utf8Encode("openssh-key-v1\0")).string(cipher).string(kdf).string(options).uint32(1);
  head.string(keyOf("ed25519-plain").publicKey.blob).string(new Uint8Array(ciphertext)).raw(new Uint8Array(tag));
  return pem("OPENSSH PRIVATE KEY", head.finish());
}

describe("the header of an encrypted file", () => {
  test.each([
    ["aes256-ctr", "bcrypt", 32, 0, undefined],
    ["aes256-gcm@openssh.com", "bcrypt", 32, 16, undefined],
    ["aes256-ctr", "argon2", 32, 0, "key-unsupported"],
    ["3des-cbc", "bcrypt", 32, 0, "key-unsupported"],
    ["none", "bcrypt", 32, 0, "file-malformed"],
    ["aes256-ctr", "none", 32, 0, "file-malformed"],
    ["aes256-ctr", "bcrypt", 33, 0, "file-malformed"],
    ["aes256-ctr", "bcrypt", 0, 0, "file-malformed"],
    ["aes256-ctr", "bcrypt", 32, 16, "file-malformed"],
    ["aes256-gcm@openssh.com", "bcrypt", 32, 0, "file-malformed"],
    ["chacha20-poly1305@openssh.com", "bcrypt", 32, 17, "file-malformed"],
  ] as const)("with %s, %s, %i bytes and a tag of %i gives the error %s", (cipher, kdf, ciphertext, tag, code) => {
    const text = encryptedFile(cipher, kdf, ciphertext, tag);
    if (code === undefined) expect(openPrivateKey(text).encrypted).toBe(true);
    else expectError(code, () => openPrivateKey(text));
  });
});

describe("opening a file with excessive or invalid costs", () => {
  test.each([2 ** 32 - 1, 2 ** 31, 1025])("rejects %i rounds of bcrypt", (rounds) => {
    expect(expectError("key-unsupported", () => openPrivateKey(withRounds(rounds)))).toContain(
      `${rounds} bcrypt rounds, but the maximum is 1024 (\`maxBcryptRounds\`)`,
    );
  });

  test("rejects 0 rounds of bcrypt", () => {
    expectError("file-malformed", () => openPrivateKey(withRounds(0)));
  });

  test("accepts 1,024 rounds, and more if the caller raises the limit", () => {
    expect(openPrivateKey(withRounds(1024)).encrypted).toBe(true);
    expect(openPrivateKey(withRounds(5000), { maxBcryptRounds: 5000 }).encrypted).toBe(true);
    expectError("key-unsupported", () => openPrivateKey(withRounds(2), { maxBcryptRounds: 1 }));
  });

  test.each([
    [
      "PBKDF2 with 10,000,001 iterations",
      pbkdf2(der.integer(10_000_001)),
      "10000001 PBKDF2 iterations, but the maximum is 10000000 (`maxPbkdf2Iterations`)",
    ],
    ["PBKDF2 with 2^4096 iterations", pbkdf2(der.integer(2n ** 4096n)), "over 2^64 PBKDF2 iterations"],
    ["scrypt with N 2^20, r 8", scrypt(2 ** 20, 8, 1), "maxScryptMemory"],
    ["scrypt with N 2^1000", scrypt(2n ** 1000n, 8, 1), "over 2^64 bytes of memory for scrypt"],
    ["scrypt with r 2^1000", scrypt(2, 2n ** 1000n, 1), "maxScryptMemory"],
    ["scrypt with p 2^30", scrypt(2, 1, 2 ** 30), "maxScryptMemory"],
    ["scrypt with p 17", scrypt(2, 1, 17), "parallelization"],
    ["PBKDF2 with an unknown PRF", pbkdf2(der.integer(1), der.sequence(der.oid("1.2.3"))), "1.2.3"],
    ["another derivation", der.sequence(der.oid("1.2.4"), der.sequence()), "1.2.4"],
  ])("rejects with key-unsupported: %s", (_, derivation, says) => {
    expect(expectError("key-unsupported", () => openPrivateKey(pbes2(derivation)))).toContain(says);
  });

  test("rejects an unsupported cipher and an unsupported scheme", () => {
    expectError("key-unsupported", () => openPrivateKey(pbes2(pbkdf2(der.integer(1)), "1.2.840.113549.3.7", 8)));
    const pbe = der.sequence(der.sequence(der.oid("1.2.840.113549.1.5.3")), der.octets(new Uint8Array(8)));
    const text = pem("ENCRYPTED PRIVATE KEY", pbe);
    expectError("key-unsupported", () => openPrivateKey(text));
  });

  test.each([
    ["PBKDF2 without iterations", pbes2(pbkdf2(der.integer(0)))],
    ["PBKDF2 with another key length", pbes2(pbkdf2(der.integer(1), der.integer(16)))],
    ["scrypt with N 3", pbes2(scrypt(3, 8, 1))],
    ["scrypt with N 1", pbes2(scrypt(1, 8, 1))],
    ["scrypt with r 0", pbes2(scrypt(2, 0, 1))],
    ["scrypt with p 0", pbes2(scrypt(2, 8, 0))],
    ["an IV of 8 bytes", pbes2(pbkdf2(der.integer(1)), undefined, 8)],
    ["no data", pbes2(pbkdf2(der.integer(1)), undefined, 16, 0)],
    ["17 bytes of data", pbes2(pbkdf2(der.integer(1)), undefined, 16, 17)],
  ])("rejects with file-malformed: %s", (_, text) => {
    expectError("file-malformed", () => openPrivateKey(text));
  });

  test("rejects a file of more than 1 MiB", () => {
    expect(expectError("file-malformed", () => openPrivateKey(" ".repeat(2 ** 20 + 1)))).toContain("maxFileSize");
    expectError("file-malformed", () => openPrivateKey(new Uint8Array(2 ** 20 + 1)));
  });

  test("rejects a PKCS#1 modulus of 720,000 bits as weak", () => {
    const huge = 2n ** BigInt(8 * 90_000) - 1n;
    const body = der.sequence(...[0n, huge, 3n, 3n, 3n, 3n, 1n, 1n, 1n].map((value) => der.integer(value)));
    const text = pem("RSA PRIVATE KEY", body);
    expectError("key-weak", () => openPrivateKey(text));
  });

  test("accepts scrypt within `maxScryptMemory`", () => {
    expect(unlock(textOf("topk8-5"), PASSPHRASE, { maxScryptMemory: 2 * 2 ** 20 }).comment).toBe("");
    expectError("key-unsupported", () => openPrivateKey(textOf("topk8-5"), { maxScryptMemory: 2 ** 19 }));
  });
});

describe("a limit outside its range is rejected", () => {
  test.each(impossibleLimits(KEY_FILE_LIMITS.ranges))("%s", (_, limits) => {
    expectError("usage", () => openPrivateKey(textOf("cipher-aes256-ctr"), limits));
  });
});
