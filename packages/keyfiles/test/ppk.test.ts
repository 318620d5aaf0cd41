import { privateKeyFromFields } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { finish, keyOf, PASSPHRASE, ppkVectors, unlock } from "@nacre/testing/keyfiles";
import { base64Decode, base64Encode, type SshErrorCode, toHex, utf8Encode, Writer } from "@nacre/wire";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, test } from "vitest";
import {
  type FormatPpkOptions,
  formatPpk,
  formatPrivateKey,
  formatPublicKeyLine,
  openPrivateKey,
  openPrivateKeyWith,
  ppkFiles,
} from "../src/index.ts";

const textOf = (name: string): string => ppkVectors.find((file) => file.name === name)!.text;
const random = hashChainRandom("ppk");
const NAMES = ["ed25519-plain", "ecdsa-256-plain", "ecdsa-384-plain", "ecdsa-521-plain", "rsa-2048-plain"];

describe("a file of puttygen", () => {
  test.each(ppkVectors)("$name opens with LF, CRLF and CR", ({ text, passphrase, publicKey, comment }) => {
    const endings = passphrase === undefined ? ["\n", "\r\n", "\r"] : ["\r\n"];
    for (const ending of endings) {
      const opened = unlock(text.replaceAll("\n", ending), passphrase);
      expect(formatPublicKeyLine(opened.privateKey.publicKey)).toBe(publicKey);
      expect(opened.comment).toBe(comment);
    }
  });

  const quick = ppkVectors.filter(({ name, passphrase }) => passphrase !== undefined && name !== "ed25519-3-default");
  test.each(quick)("$name shows its public key, and refuses a wrong passphrase", ({ text, publicKey }) => {
    const file = openPrivateKey(text);
    if (!file.encrypted) throw new Error("is encrypted");
    expect([file.format, formatPublicKeyLine(file.publicKey!)]).toEqual(["ppk", publicKey]);
    expectError("passphrase-wrong", () => finish(file.decrypt("Correct horse")));
    expectError("passphrase-needed", () => finish(file.decrypt("")));
    for (const passphrase of [PASSPHRASE, utf8Encode(PASSPHRASE)])
      expect(formatPublicKeyLine(finish(file.decrypt(passphrase)).privateKey.publicKey)).toBe(publicKey);
  });

  test.each(ppkVectors.filter(({ passphrase }) => passphrase === undefined))(
    "$name is what `formatPpk` writes",
    ({ name, text, comment }) => {
      const { privateKey } = unlock(text);
      const version = name.includes("-2-") ? 2 : 3;
      expect(finish(formatPpk(privateKey, { comment, version, random }))).toBe(text);
    },
  );
});

test("a file is of a form that was named, or PEM", () => {
  const text = textOf("ed25519-2-plain");
  const pem = finish(formatPrivateKey(keyOf("ed25519-plain"), { format: "pkcs8", random }));
  for (const forms of [[], [ppkFiles]]) expect(openPrivateKeyWith(forms, pem).format).toBe("pkcs8");
  expect(openPrivateKeyWith([ppkFiles], text).format).toBe("ppk");
  expect(expectError("key-unsupported", () => openPrivateKeyWith([], text))).toContain("pass `ppkFiles` in `forms`");
});

describe("a written file opens to the same key", () => {
  const options: readonly Omit<FormatPpkOptions, "random">[] = [
    { comment: "a b ü" },
    { version: 2 },
    { version: 2, passphrase: "päss" },
    { passphrase: "päss", comment: "c", passes: 1 },
  ];
  test.each(NAMES)("%s", (name) => {
    const { fields } = keyOf(name);
    for (const one of options) {
      const text = finish(formatPpk(privateKeyFromFields(fields), { random, ...one }));
      const { privateKey, comment } = unlock(text, one.passphrase);
      expect(privateKey.fields).toEqual(fields);
      expect(comment).toBe(one.comment ?? "");
    }
  });

  test("with Argon2id, 8 MiB and 8 passes by default", () => {
    const text = finish(formatPpk(keyOf("ed25519-plain"), { passphrase: "p", random }));
    expect(text).toContain(
      "Key-Derivation: Argon2id\nArgon2-Memory: 8192\nArgon2-Passes: 8\nArgon2-Parallelism: 1\nArgon2-Salt: ",
    );
  });

  test.each([
    ["a comment of two lines", { comment: "a\nb" }],
    ["a comment with CR", { comment: "a\rb" }],
    ["a comment that is too long", { comment: "c".repeat(1025) }],
    ["no pass", { passes: 0 }],
    ["half a pass", { passes: 1.5 }],
    ["version 1", { version: 1 as 2 }],
  ])("rejects with usage: %s", (_, one) => {
    expectError("usage", () => finish(formatPpk(keyOf("ed25519-plain"), { random, ...one })));
  });
});

const publicLines = (text: string): string => /Public-Lines: \d+\n((?:.+\n)*?)(?:Key|Private-L)/.exec(text)![1]!;
/** Changes a base64 character after the name of the format. */
const flipped = (line: string): string =>
  line.replace(/^(.{40})(.)/, (_, head, one) => head + (one === "A" ? "B" : "A"));

describe("a changed file is rejected", () => {
  const encrypted = textOf("ed25519-3-encrypted");
  const plain = textOf("ed25519-3-plain");
  const other = textOf("ecdsa-256-3-plain");
  const line = publicLines(plain).split("\n")[0]!;

  test.each<[string, string, SshErrorCode]>([
    ["comment", "Comment: ed25519@nacre ü>Comment: root@nacre", "key-malformed"],
    ["public half", `${line}>${flipped(line)}`, "key-malformed"],
    ["public half of another key", `${publicLines(plain)}>${publicLines(other)}`, "file-malformed"],
    ["MAC", "Private-MAC: >Private-MAC: 00", "key-malformed"],
    ["shorter MAC", "Private-MAC: ..>Private-MAC: ", "key-malformed"],
    ["encryption", "aes256-cbc>3des-cbc", "key-unsupported"],
    ["key derivation", "Argon2id>Argon3", "key-unsupported"],
    ["name of an object property", "Argon2id>constructor", "key-unsupported"],
    ["key format", "3: ssh-ed25519>3: ssh-dss", "key-unsupported"],
    ["other key format", "3: ssh-ed25519>3: ecdsa-sha2-nistp256", "key-malformed"],
    ["version", "File-3>File-4", "key-unsupported"],
    ["version 1", "File-3>File-1", "key-unsupported"],
    ["version 2 for 3", "File-3(.*\\n.*aes)>File-2$1", "file-malformed"],
    ["no pass", "Passes: 2>Passes: 0", "file-malformed"],
    ["no lane", "Parallelism: 1>Parallelism: 0", "file-malformed"],
    ["too little memory for the lanes", "Parallelism: 1>Parallelism: 129", "file-malformed"],
    ["salt of half a byte", "Salt: .>Salt: ", "file-malformed"],
    ["empty salt", "Salt: .*>Salt: ", "file-malformed"],
    ["text after the MAC", "$>more", "file-malformed"],
  ])("%s", (_, change, code) => {
    const [from = "", to = ""] = change.split(">");
    const pattern = new RegExp(from === "$" ? "$" : from.replaceAll("+", "\\+").replaceAll("/", "\\/"));
    for (const text of [plain, encrypted]) {
      if (!pattern.test(text)) continue;
      expectError(code, () => unlock(text.replace(pattern, to), PASSPHRASE));
    }
    expect(pattern.test(encrypted)).toBe(true);
  });

  test("with another public half whose MAC matches", () => {
    const { blob } = keyOf("ed25519-plain").publicKey;
    const own = base64Decode(publicLines(plain).replaceAll("\n", ""))!;
    const secret = base64Decode(/Private-Lines: 1\n(.*)\n/.exec(plain)![1]!)!;
    const file = (publicPart: Uint8Array): string => {
      const input = new Writer().string("ssh-ed25519").string("none").string("c").string(publicPart).string(secret);
      const mac = toHex(hmac(sha256, new Uint8Array(), input.finish()));
      return [
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 1",
        base64Encode(publicPart),
        `Private-Lines: 1\n${base64Encode(secret)}\nPrivate-MAC: ${mac}`,
      ].join("\n");
    };
    expect(unlock(file(own)).comment).toBe("c");
    expectError("key-malformed", () => unlock(file(blob)));
  });

  test.each(["Public-Lines", "Private-Lines"])("with a %s that lies", (name) => {
    for (const text of [plain, encrypted, textOf("rsa-2048-2-encrypted")]) {
      const count = Number(new RegExp(`${name}: (\\d+)`).exec(text)![1]);
      for (const lie of [0, count - 1, count + 1, count + 2, 1000, 2 ** 32 - 1, 2 ** 32, 10 ** 12]) {
        if (lie === count) continue;
        expectError("file-malformed", () => openPrivateKey(text.replace(`${name}: ${count}`, `${name}: ${lie}`)));
      }
      for (const lie of ["-1", "", "1e0", "0x1", "1.0", " 1"])
        expectError("file-malformed", () => openPrivateKey(text.replace(`${name}: ${count}`, `${name}: ${lie}`)));
    }
  });

  test("at every cut", () => {
    for (const text of [plain, textOf("ed25519-2-encrypted")])
      for (let end = 1; end < text.length - 1; end++) {
        const cut = text.slice(0, end);
        let code: string | undefined;
        try {
          unlock(cut, PASSPHRASE);
        } catch (error) {
          code = (error as { code?: string }).code;
        }
        // A MAC without its last bytes is hexadecimal too.
        expect(["file-malformed", "key-unsupported", "key-malformed"]).toContain(code);
      }
  });

  test("with a private part that is not whole blocks", () => {
    const text = encrypted.replace(/(Private-Lines: 1\n).*/, `$1${base64Encode(new Uint8Array(17))}`);
    expect(expectError("file-malformed", () => openPrivateKey(text))).toContain("17 bytes");
  });
});

const costing = (memory: number, passes: number): string =>
  textOf("ed25519-3-encrypted").replace("Memory: 1024", `Memory: ${memory}`).replace("Passes: 2", `Passes: ${passes}`);

describe("the cost of Argon2", () => {
  test.each([
    [2 ** 22, 1],
    [8192, 2 ** 32 - 1],
    [2 ** 32 - 1, 2 ** 32 - 1],
    [8192, 129],
  ])("%i KiB and %i passes are refused before any work", (memory, passes) => {
    expect(expectError("key-unsupported", () => openPrivateKey(costing(memory, passes)))).toContain(
      `${memory} KiB of memory × ${passes} passes for Argon2, but the maximum is 1073741824 (\`maxArgon2Work\`)`,
    );
  });

  test("may be up to the limit", () => {
    expect(openPrivateKey(costing(8192, 128)).encrypted).toBe(true);
    expectError("key-unsupported", () => openPrivateKey(costing(1024, 2), { maxArgon2Work: 2 ** 21 - 1 }));
    expect(openPrivateKey(costing(1024, 2), { maxArgon2Work: 2 ** 21 }).encrypted).toBe(true);
  });
});

test("the bytes of a file are read like its text", () => {
  const { text, publicKey } = ppkVectors[0]!;
  const file = openPrivateKey(utf8Encode(text));
  if (file.encrypted) throw new Error("is not encrypted");
  expect(formatPublicKeyLine(file.privateKey.publicKey)).toBe(publicKey);
});

const LATIN1 = [
  {
    passphrase: "",
    publicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDOMD9A+lr+3WzB2OzhEIt48M+wFcV7ouQ3jg0bRPxY3",
    text: `PuTTY-User-Key-File-2: ssh-ed25519
Encryption: none
Comment: caf\xe9
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIDOMD9A+lr+3WzB2OzhEIt48M+wFcV7ouQ3jg0bR
PxY3
Private-Lines: 1
AAAAINrB8+zbH0Vn7cPkqvZDjkReXQVddlFGltNuh97VTL8l
Private-MAC: 9a9d987ff32abb87fd950bb9a063b025dc0247ad
`,
  },
  {
    passphrase: "secret",
    publicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPaYcN+zQ5u5bmqeuPlTvVyjKOIhjPY2aZL1WiuaGx1R",
    text: `PuTTY-User-Key-File-3: ssh-ed25519
Encryption: aes256-cbc
Comment: caf\xe9
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIPaYcN+zQ5u5bmqeuPlTvVyjKOIhjPY2aZL1Wiua
Gx1R
Key-Derivation: Argon2id
Argon2-Memory: 1024
Argon2-Passes: 1
Argon2-Parallelism: 1
Argon2-Salt: 4e77fc59150b6d68ca1d5e0c4123a312
Private-Lines: 1
R4ZvPNHSkm/YdzDhjYysBRVMnKHXa2RCWqy32g1FZtkDrlWlsTuCgMU6vVu570BX
Private-MAC: a0c243d9d52e7a966a763115f2787b1e3615959b4e47d92f2923ee9b04d1a292
`,
  },
];

test("a comment in Latin-1 is read, as PuTTY for Windows writes it", () => {
  // puttygen -t ed25519 -C $'caf\xe9' --ppk-param version=2, and version=3 with Argon2id of 1 MiB and one pass.
  for (const { text, publicKey, passphrase } of LATIN1) {
    const opened = openPrivateKey(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    const { privateKey, comment } = opened.encrypted ? finish(opened.decrypt(passphrase)) : opened;
    expect([formatPublicKeyLine(privateKey.publicKey), comment]).toEqual([publicKey, "caf\xe9"]);
    const changed = Uint8Array.from(text.replace("caf\xe9", "caf\xe8"), (character) => character.charCodeAt(0));
    expectError("key-malformed", () => {
      const other = openPrivateKey(changed);
      return other.encrypted && finish(other.decrypt(passphrase));
    });
  }
});
