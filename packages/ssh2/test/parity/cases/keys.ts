import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { PASSPHRASE, ppkVectors, textOf, vectors } from "@nacre/testing/keyfiles";
import ssh2, { type ParsedKey } from "ssh2";
import type { Case, Recorder, Ssh2 } from "../case.ts";
import { ed25519Pair } from "../made-keys.ts";

const section = "keys";

/** Records what programs see of a key, or its error. */
function recordKey(record: Recorder, name: string, key: ParsedKey | readonly ParsedKey[] | Error): void {
  if (key instanceof Error) return record(name, key);
  const one = key as ParsedKey;
  record(name, one.type, one.comment, one.isPrivateKey(), one.getPublicSSH(), one.getPublicPEM());
  const pem = one.getPrivatePEM() as string | null;
  // ssh2 leaves the padding of encrypted files in the text.
  record(`${name}: private`, pem === null ? null : createPrivateKey(pem).export({ format: "jwk" }));
}

/** A case over texts that are made once, so that both runs get the same. */
function reading(
  name: string,
  make: () => Readonly<Record<string, string | Buffer>>,
  passphrases: readonly (string | undefined)[] = [undefined],
): Case {
  let texts: Readonly<Record<string, string | Buffer>> | undefined;
  return {
    name,
    section,
    run(implementation, record) {
      texts ??= make();
      for (const [kind, text] of Object.entries(texts))
        for (const passphrase of passphrases)
          recordKey(record, `${kind} with ${passphrase}`, implementation.utils.parseKey(text, passphrase));
      return Promise.resolve();
    },
  };
}

/** Returns files of ssh-keygen and openssl by name. */
function files(...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, textOf(name)]));
}

const KINDS: readonly (readonly ["ed25519" | "ecdsa" | "rsa", object])[] = [
  ["ed25519", {}],
  ["ecdsa", { bits: 256 }],
  ["ecdsa", { bits: 384 }],
  ["ecdsa", { bits: 521 }],
];

/** Makes 24 keys with one implementation, and reads them with another. */
function generated(record: Recorder, maker: Ssh2, reader: Ssh2): void {
  for (let i = 0; i < 24; i++) {
    const [type, options] = KINDS[i % KINDS.length]!;
    const given = { ...options, comment: `key ${i}` };
    const pair =
      type === "ed25519" ? ed25519Pair(given, maker) : maker.utils.generateKeyPairSync(type as "ecdsa", given as never);
    const inPrivate = reader.utils.parseKey(pair.private) as ParsedKey;
    const inPublic = reader.utils.parseKey(pair.public) as ParsedKey;
    if (inPrivate instanceof Error || inPublic instanceof Error) record("error", inPrivate, inPublic);
    else
      record(
        "key",
        inPrivate.type,
        inPrivate.comment,
        inPublic.comment,
        inPrivate.getPublicSSH().equals(inPublic.getPublicSSH()),
      );
    const data = Buffer.from("data");
    record("signature", inPublic.verify(data, inPrivate.sign(data)));
  }
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

const RSA = ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 });
const ED25519 = ed25519Pair({ comment: "ed" });
const ECDSA = ssh2.utils.generateKeyPairSync("ecdsa", { bits: 384 });

function ppkText(name: string): string {
  return ppkVectors.find((one) => one.name === name)!.text;
}

function rfc4716(body: string): string {
  return `---- BEGIN SSH2 PUBLIC KEY ----\n${body}\n---- END SSH2 PUBLIC KEY ----\n`;
}

/** Returns OpenSSH's container with a part replaced. */
function container(from: string, to: string): string {
  const body = Buffer.from(ED25519.private.replace(/-----.*-----|\n/g, ""), "base64").toString("latin1");
  const base64 = Buffer.from(body.replace(from, to), "latin1").toString("base64");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----`;
}

export const cases: readonly Case[] = [
  ...["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"].map((name) =>
    reading(`reads ssh-keygen's files: ${name}`, () => {
      const line = vectors.privateKeys.find((one) => one.name === `${name}-plain`)!.publicKey;
      const pem = name === "ed25519" ? {} : files(`${name}-PEM-plain`);
      return { ...files(`${name}-plain`), ...pem, line, blob: Buffer.from(line.split(" ")[1]!, "base64") };
    }),
  ),
  reading(
    "reads ssh-keygen's encrypted files, and refuses other passphrases",
    () => files("ed25519-encrypted", "cipher-aes256-cbc", "cipher-aes128-gcm@openssh.com", "rsa-2048-PEM-encrypted"),
    [undefined, PASSPHRASE, "wrong", ""],
  ),
  reading("reads OpenSSL's encrypted files, and refuses other passphrases", () => {
    const options = { type: "pkcs1", format: "pem", cipher: "des-ede3-cbc", passphrase: PASSPHRASE } as const;
    const des = createPrivateKey(rsaPem()).export(options).toString();
    return { ...files("dek-aes128", "dek-aes192", "dek-aes256"), des };
  }, [undefined, PASSPHRASE, "wrong"]),
  reading("reads PuTTY's files of version 2", () => {
    const [plain, encrypted] = [ppkText("rsa-2048-2-plain"), ppkText("rsa-2048-2-encrypted")];
    const changed = [plain, encrypted].map((one) => one.replace(/Comment: ./, "Comment: X"));
    return { plain, encrypted, changedPlain: changed[0]!, changedEncrypted: changed[1]!, cut: plain.slice(0, -60) };
  }),
  reading("reads PuTTY's encrypted files of version 2", () => ({ text: ppkText("rsa-2048-2-encrypted") }), [
    PASSPHRASE,
    "wrong",
    "",
  ]),
  reading("reads RFC 4716", () => {
    const blob = (ssh2.utils.parseKey(RSA.public) as ParsedKey).getPublicSSH().toString("base64");
    const lines = blob.match(/.{1,70}/g)!.join("\n");
    const text = rfc4716(`Comment: "2048-bit RSA, \\\nmade here"\nx-other: y\n${lines}`);
    return {
      text,
      bare: rfc4716(lines),
      crlf: text.replaceAll("\n", "\r\n"),
      broken: rfc4716("#"),
      cut: rfc4716(lines.slice(0, 200)),
    };
  }),
  reading("reads lines of public keys", () => {
    const [format, base64] = ED25519.public.split(" ") as [string, string];
    return {
      plain: `${format} ${base64}`,
      comment: `${format} ${base64}   two  words `,
      tab: `${format} ${base64}\tword`,
      options: `restrict ${format} ${base64}`,
      otherFormat: `ssh-rsa ${base64}`,
      cut: `${format} ${base64.slice(0, 40)}`,
      noBase64: `${format} ####`,
      unknown: `ssh-other ${base64}`,
      two: `${format} ${base64}\n${format} ${base64}`,
    };
  }),
  reading("reads private keys with blanks, CRLF, and as Buffers", () => ({
    blanks: `\n\n  ${ED25519.private}\n\n`,
    indented: ED25519.private.replace(/\n(?!-)(?=.)/g, "\n    "),
    crlf: ED25519.private.replaceAll("\n", "\r\n"),
    buffer: Buffer.from(ECDSA.private),
    bom: `\ufeff${ED25519.private}`,
  })),
  reading("refuses damaged containers of OpenSSH", () => ({
    cipher: container("none", "nope"),
    kdf: container("none\0\0\0\x04none", "none\0\0\0\x04nope"),
    both: container("none\0\0\0\x04none", "aes256-ctr\0\0\0\x04none"),
    keys: container("none\0\0\0\0\0\0\0\x01", "none\0\0\0\0\0\0\0\x09"),
    short: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    cut: ED25519.private.replace(/\n[^\n]+\n-----END/, "\n-----END"),
    noEnd: ED25519.private.slice(0, -10),
  })),
  reading("refuses damaged PEM files", () => ({
    rsa: "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
    ec: "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----",
    empty: "-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----",
    cipher:
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: RC9-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----",
    iv: "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----",
    public: createPublicKey(rsaPem()).export({ type: "spki", format: "pem" }),
  })),
  reading("refuses other curves", () => {
    const made = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
    const other = generateKeyPairSync("ec", { namedCurve: "secp256k1", paramEncoding: "explicit" });
    const options = { type: "sec1", format: "pem" } as const;
    return { named: made.privateKey.export(options), explicit: other.privateKey.export(options) };
  }),
  reading("refuses other texts and bytes", () => ({
    empty: "",
    text: "not a key",
    zeros: Buffer.alloc(64),
    length: Buffer.from([0xff, 0xff, 0xff, 0xff, 1]),
    ppk: "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: x\n",
  })),
  {
    name: "returns errors for arguments of other types",
    section,
    run(implementation, record) {
      const { parseKey } = implementation.utils;
      for (const value of [undefined, null, 1, {}, [], new Uint8Array(2)]) record("data", parseKey(value as never));
      for (const value of [1, {}, new Uint8Array(2)]) record("passphrase", parseKey(RSA.private, value as never));
      record("null", parseKey(RSA.private, null as never) instanceof Error);
      return Promise.resolve();
    },
  },
  {
    name: "reads 24 keys of its own generator",
    section,
    run: (implementation, record) => Promise.resolve(generated(record, implementation, implementation)),
  },
  {
    name: "reads 24 keys of ssh2's generator",
    section,
    run: (implementation, record, peers) => Promise.resolve(generated(record, peers.ssh2, implementation)),
  },
  {
    name: "makes keys that ssh2 reads",
    section,
    run: (implementation, record, peers) => Promise.resolve(generated(record, implementation, peers.ssh2)),
  },
  {
    name: "makes encrypted keys, with a callback",
    section,
    async run(implementation, record, peers) {
      for (const cipher of ["aes128-cbc", "aes256-ctr", "aes256-gcm@openssh.com"]) {
        const pair = await new Promise<{ private: string; public: string }>((resolve, reject) => {
          const options = { passphrase: PASSPHRASE, cipher, rounds: 2 };
          implementation.utils.generateKeyPair("ed25519", options, (error, keys) => {
            record("callback", error);
            if (error) reject(error);
            else resolve(keys);
          });
        });
        const key = peers.ssh2.utils.parseKey(pair.private, PASSPHRASE) as ParsedKey;
        record(cipher, key instanceof Error ? key : key.equals(pair.private));
      }
    },
  },
  {
    name: "throws and passes the generator's errors",
    section,
    async run(implementation, record) {
      const { generateKeyPair, generateKeyPairSync } = implementation.utils;
      const calls: readonly (readonly unknown[])[] = [
        [undefined],
        ["dsa"],
        ["rsa"],
        ["rsa", { bits: 1.5 }],
        ["rsa", { bits: -1 }],
        ["ecdsa", { bits: 255 }],
        ["ecdsa", null],
        ["ed25519", { passphrase: 5 }],
        ["ed25519", { passphrase: "x" }],
        ["ed25519", { passphrase: "x", cipher: "none" }],
        ["ed25519", { passphrase: "x", cipher: "aes256-cbc", rounds: "5" }],
        ["ed25519", { format: "pem" }],
      ];
      for (const args of calls) {
        record(
          "sync",
          outcome(() => generateKeyPairSync(...(args as ["ed25519"]))),
        );
        await new Promise<void>((resolve) => {
          const call = [...args.slice(0, 1), args[1] ?? null, (error: unknown) => resolve(record("async", error))];
          const thrown = outcome(() => generateKeyPair(...(call as unknown as ["ed25519", never])));
          if (thrown instanceof Error) resolve(record("thrown", thrown));
        });
      }
    },
  },
  {
    name: "signs and verifies as node:crypto does",
    section,
    run(implementation, record) {
      const data = Buffer.from("data");
      for (const [{ private: text, public: line }, hashes] of [
        [RSA, [undefined, "sha1", "sha256", "sha512", "", 7]],
        [ECDSA, [undefined, "sha256", null]],
        [ED25519, [undefined, "", null]],
      ] as const) {
        const key = implementation.utils.parseKey(text) as ParsedKey;
        const publicKey = implementation.utils.parseKey(line) as ParsedKey;
        for (const hash of hashes) {
          const name =
            (typeof hash === "string" && hash) ||
            (key.type === "ssh-rsa" ? "sha1" : key.type === "ssh-ed25519" ? null : "sha384");
          const signature = key.sign(data, hash as string);
          record("signed", key.type, name, verify(name, data, key.getPublicPEM(), signature));
          const other = sign(name, data, key.getPrivatePEM());
          record(
            "verified",
            publicKey.verify(data, other, hash as string),
            publicKey.verify(Buffer.from("no"), other, hash as string),
          );
        }
        record("deterministic", key.type === "ssh-ed25519" ? key.sign(data) : null);
      }
      return Promise.resolve();
    },
  },
  {
    name: "returns errors of signing and verifying",
    section,
    run(implementation, record) {
      const key = implementation.utils.parseKey(RSA.private) as ParsedKey;
      const publicKey = implementation.utils.parseKey(RSA.public) as ParsedKey;
      record("no private key", publicKey.sign(Buffer.from("x")));
      record("hash", key.sign(Buffer.from("x"), "md999"));
      record("data", (key.sign(7 as never) as unknown) instanceof TypeError);
      record("signature", publicKey.verify(Buffer.from("x"), Buffer.alloc(0), "sha256"));
      record(
        "signature type",
        (publicKey.verify(Buffer.from("x"), "text" as never, "sha256") as unknown) instanceof TypeError,
      );
      record("private", publicKey.getPrivatePEM());
      return Promise.resolve();
    },
  },
  {
    name: "compares keys",
    section,
    run(implementation, record) {
      const { parseKey } = implementation.utils;
      const texts = { RSA, ECDSA, ED25519 };
      for (const [name, { private: text, public: line }] of Object.entries(texts)) {
        const [key, publicKey] = [parseKey(text) as ParsedKey, parseKey(line) as ParsedKey];
        record(name, parseKey(key) === key, key.equals(text), key.equals(publicKey), publicKey.equals(`${line} other`));
        for (const other of ["", "x", Buffer.alloc(4), null, RSA.public])
          record(name, publicKey.equals(other as string));
      }
      return Promise.resolve();
    },
  },
];

function rsaPem(): string {
  return (ssh2.utils.parseKey(RSA.private) as ParsedKey).getPrivatePEM();
}
