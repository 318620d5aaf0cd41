import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateEcdsa, generateEd25519, type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import { finish, keyOf, unlock } from "@nacre/testing/keyfiles";
import type { RandomSource } from "@nacre/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  formatPpk,
  formatPrivateKey,
  formatPublicKey,
  formatPublicKeyLine,
  openPrivateKey,
  parsePublicKeyFile,
} from "../../src/index.ts";

// puttygen must read the files that we write, and we must read its files.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-puttygen-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const random: RandomSource = (length) => new Uint8Array(randomBytes(length));
const puttygen = (...args: string[]): string =>
  execFileSync("puttygen", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const KEYS: readonly (readonly [string, () => PrivateKey])[] = [
  ["ed25519", () => generateEd25519(random)],
  ["ecdsa-256", () => generateEcdsa("nistp256", random)],
  ["ecdsa-384", () => generateEcdsa("nistp384", random)],
  ["ecdsa-521", () => generateEcdsa("nistp521", random)],
  ["rsa-2048", () => privateKeyFromFields(keyOf("rsa-2048-plain").fields)],
];
const PASSPHRASES = ["", "päss word"];

describe.each(KEYS)("%s", (name, make) => {
  const key = make();
  const line = formatPublicKeyLine(key.publicKey, "a comment");

  test("puttygen reads our PPK files", () => {
    for (const version of [2, 3] as const)
      for (const passphrase of PASSPHRASES) {
        const text = finish(formatPpk(key, { comment: "a comment", version, passphrase, passes: 2, random }));
        const file = write(`${name}-${version}.ppk`, text);
        const old = write("old", `${passphrase}\n`);
        expect(puttygen(file, "-O", "public-openssh", "--old-passphrase", old).trim()).toBe(line);
        const exported = join(folder, `${name}-exported`);
        puttygen(
          file,
          "-O",
          "private-openssh-new",
          "--old-passphrase",
          old,
          "--new-passphrase",
          write("no", "\n"),
          "-o",
          exported,
        );
        expect(unlock(readFileSync(exported, "utf8")).privateKey.fields).toEqual(key.fields);
      }
  });

  test("we read the PPK files of puttygen", () => {
    const source = write(name, finish(formatPrivateKey(key, { format: "openssh", comment: "a comment", random })));
    for (const parameters of ["version=2", "version=3,memory=256,passes=3", "version=3,kdf=argon2d,memory=64,passes=1"])
      for (const passphrase of PASSPHRASES) {
        const made = join(folder, `${name}-made.ppk`);
        const fresh = write("new", `${passphrase}\n`);
        puttygen(source, "-O", "private", "--ppk-param", parameters, "--new-passphrase", fresh, "-o", made);
        const { privateKey, comment } = unlock(readFileSync(made, "utf8"), passphrase);
        expect([privateKey.fields, comment]).toEqual([key.fields, "a comment"]);
      }
  });

  test("each reads the other's OpenSSH files", () => {
    for (const passphrase of PASSPHRASES) {
      const ours = finish(formatPrivateKey(key, { format: "openssh", comment: "a comment", passphrase, random }));
      const source = write(`${name}-openssh`, ours);
      const secret = write("secret", `${passphrase}\n`);
      const convert = (from: string, output: string, ...more: string[]): string => {
        const made = join(folder, `${name}-${output}`);
        puttygen(from, "-O", output, "--old-passphrase", secret, "--new-passphrase", secret, ...more, "-o", made);
        return made;
      };
      const ppk = convert(source, "private", "--ppk-param", "version=2");
      expect(unlock(readFileSync(ppk, "utf8"), passphrase).privateKey.fields).toEqual(key.fields);
      const text = readFileSync(convert(ppk, "private-openssh-new"), "utf8");
      expect(openPrivateKey(text).encrypted).toBe(passphrase !== "");
      expect(unlock(text, passphrase).privateKey.fields).toEqual(key.fields);
      // The older form is PEM, whose encryption is 3DES. It cannot hold an Ed25519 key, which gets the new form.
      if (passphrase !== "") continue;
      expect(unlock(readFileSync(convert(ppk, "private-openssh"), "utf8")).privateKey.fields).toEqual(key.fields);
    }
  });

  test("each reads the other's RFC 4716", () => {
    const file = write(`${name}.pub`, formatPublicKey(key.publicKey, { format: "rfc4716", comment: "a comment" }));
    expect(puttygen(file, "-O", "public-openssh").trim()).toBe(line);
    const { publicKey, comment } = parsePublicKeyFile(puttygen(file, "-O", "public"));
    expect([publicKey.blob, comment]).toEqual([key.publicKey.blob, "a comment"]);
  });
});

test("puttygen reads an encrypted file with our default costs", () => {
  const key = generateEd25519(random);
  const file = write("default.ppk", finish(formatPpk(key, { passphrase: "secret", random })));
  expect(puttygen(file, "-O", "public-openssh", "--old-passphrase", write("secret", "secret\n"))).toContain(
    formatPublicKeyLine(key.publicKey),
  );
});
