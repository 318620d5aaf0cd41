import {
  type PrivateKey,
  type PrivateKeyFields,
  type PublicKey,
  parsePublicKey,
  privateKeyFromFields,
} from "@nacre/keys";
import { concatBytes, equalBytes, type RandomSource, Reader, SshError, utf8Encode, Writer } from "@nacre/wire";
import { ctr } from "@noble/ciphers/aes.js";
import { bcryptPbkdf } from "./bcrypt-pbkdf.ts";
import { type KeyFileLimits, overLimit } from "./limits.ts";
import { FILE_CIPHERS } from "./openssh-ciphers.ts";
import type { PrivateKeyFile, UnlockedKey } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

const MAGIC = utf8Encode("openssh-key-v1\0");
const WHAT = "openssh-key-v1";
const CODE = { code: "file-malformed" } as const;

/** Reads the body of "OPENSSH PRIVATE KEY" (OpenSSH PROTOCOL.key). Throws `file-malformed`, `key-unsupported`, and what keys do. */
export function readOpensshKey(body: Uint8Array, limits: KeyFileLimits): PrivateKeyFile {
  if (!equalBytes(body.subarray(0, MAGIC.length), MAGIC))
    throw new SshError("file-malformed", `${WHAT}: does not begin with its magic`);
  const reader = new Reader(body, WHAT, { ...CODE, offset: MAGIC.length });
  const cipherName = reader.name("ciphername");
  const kdfName = reader.name("kdfname");
  const kdfOptions = reader.string("kdfoptions");
  const keys = reader.uint32("number of keys");
  if (keys !== 1) reader.fail("number of keys", `is ${keys}, only files with 1 are read`);
  const blob = reader.string("public key");
  const ciphertext = reader.string("encrypted, padded list of private keys");
  const tag = reader.rest();

  const format = new Reader(blob, `${WHAT} public key`, CODE).name("format");
  if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/.test(format)) throw unsupportedKey(format);
  const publicKey = parsePublicKey(blob);

  if (cipherName === "none" || kdfName === "none") {
    if (cipherName !== kdfName || kdfOptions.length > 0 || tag.length > 0)
      reader.fail("kdfname", "does not go with the ciphername: both are none, or neither");
    return { encrypted: false, format: "openssh", ...readPrivateSection(ciphertext, publicKey) };
  }

  const cipher = FILE_CIPHERS.get(cipherName);
  if (cipher === undefined)
    throw new SshError(
      "key-unsupported",
      `the key file is encrypted with ${cipherName.slice(0, 64)}; write it anew with ssh-keygen -p -Z aes256-ctr`,
    );
  if (kdfName !== "bcrypt")
    throw new SshError(
      "key-unsupported",
      `the key file derives its key with ${kdfName.slice(0, 64)}; only bcrypt is known`,
    );
  const options = new Reader(kdfOptions, `${WHAT} kdfoptions`, CODE);
  const salt = options.string("salt");
  const rounds = options.uint32("rounds");
  options.end();
  if (salt.length === 0 || rounds === 0) options.fail("salt or rounds", "is 0");
  if (rounds > limits.maxBcryptRounds)
    throw overLimit(`${rounds} rounds of bcrypt`, "maxBcryptRounds", limits.maxBcryptRounds);
  if (ciphertext.length === 0 || ciphertext.length % cipher.blockSize !== 0)
    reader.fail("encrypted list", `has ${ciphertext.length} bytes, which are not whole blocks of ${cipherName}`);
  if (tag.length !== cipher.tagLength)
    reader.fail("tag", `has ${tag.length} bytes where ${cipherName} takes ${cipher.tagLength}`);

  return {
    encrypted: true,
    format: "openssh",
    publicKey,
    *decrypt(passphrase) {
      if (passphrase === "")
        throw new SshError("passphrase-needed", "the private key is encrypted: give its passphrase");
      const { keyLength, ivLength } = cipher;
      const secret = yield* bcryptPbkdf(utf8Encode(passphrase), salt, rounds, keyLength + ivLength);
      const plain = cipher.decrypt(secret.slice(0, keyLength), secret.slice(keyLength), ciphertext, tag);
      secret.fill(0);
      if (plain === undefined || !equalBytes(plain.subarray(0, 4), plain.subarray(4, 8)))
        throw new SshError("passphrase-wrong", "the passphrase does not open the private key");
      return readPrivateSection(plain, publicKey);
    },
  };
}

function readPrivateSection(plain: Uint8Array, publicKey: PublicKey): UnlockedKey {
  const reader = new Reader(plain, `${WHAT} private part`, CODE);
  if (reader.uint32("first checkint") !== reader.uint32("second checkint"))
    reader.fail("second checkint", "differs from the first");
  const privateKey = privateKeyFromFields(readFields(reader));
  const comment = reader.text("comment");
  const padding = reader.rest();
  if (padding.length > 255 || padding.some((byte, i) => byte !== i + 1)) reader.fail("padding", "is not 1, 2, 3, …");
  if (!equalBytes(privateKey.publicKey.blob, publicKey.blob))
    reader.fail("private key", "belongs to another key than the public one before it");
  return { privateKey, comment };
}

function readFields(reader: Reader): PrivateKeyFields {
  const format = reader.name("key format");
  switch (format) {
    case "ssh-ed25519": {
      const publicKey = reader.string("public key").slice();
      const secret = reader.string("private key");
      if (secret.length !== 64 || !equalBytes(secret.subarray(32), publicKey))
        reader.fail("private key", "is not a seed of 32 bytes and the public key");
      return { format, seed: secret.slice(0, 32), publicKey };
    }
    case "ssh-rsa": {
      const [n, e, d, iqmp, p, q] = ["n", "e", "d", "iqmp", "p", "q"].map((field) => reader.mpint(field));
      return { format, n: n!, e: e!, d: d!, iqmp: iqmp!, p: p!, q: q! };
    }
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521": {
      const curve = reader.name("curve");
      if (`ecdsa-sha2-${curve}` !== format) reader.fail("curve", `is not that of ${format}`);
      const publicPoint = reader.string("public point").slice();
      return { format: "ecdsa", curve: curve as "nistp256", d: reader.mpint("d"), publicPoint };
    }
    default:
      return reader.fail("key format", "is not that of the public key");
  }
}

/** How the private part is protected when written. */
export interface OpensshEncryption {
  readonly passphrase: string;
  /** Rounds of bcrypt-pbkdf. */
  readonly rounds: number;
}

/** Writes the body of "OPENSSH PRIVATE KEY": plain, or as `ssh-keygen` does with aes256-ctr and bcrypt-pbkdf. */
export function* writeOpensshKey(
  key: PrivateKey,
  comment: string,
  random: RandomSource,
  encryption: OpensshEncryption | undefined,
): Generator<void, Uint8Array> {
  const blockSize = encryption === undefined ? 8 : 16;
  const check = random(4);
  const section = new Writer(4096).raw(check).raw(check);
  writeFields(section, key.fields);
  section.string(comment);
  const length = section.finish().length;
  for (let i = 1; (length + i - 1) % blockSize !== 0; i++) section.byte(i);
  const plain = section.finish();

  const writer = new Writer(4096).raw(MAGIC);
  if (encryption === undefined)
    return writer.string("none").string("none").string("").uint32(1).string(key.publicKey.blob).string(plain).finish();
  const salt = random(16);
  const secret = yield* bcryptPbkdf(utf8Encode(encryption.passphrase), salt, encryption.rounds, 32 + 16);
  const ciphertext = ctr(secret.slice(0, 32), secret.slice(32)).encrypt(plain);
  secret.fill(0);
  plain.fill(0);
  return writer
    .string("aes256-ctr")
    .string("bcrypt")
    .string(new Writer().string(salt).uint32(encryption.rounds).finish())
    .uint32(1)
    .string(key.publicKey.blob)
    .string(ciphertext)
    .finish();
}

function writeFields(writer: Writer, fields: PrivateKeyFields): void {
  switch (fields.format) {
    case "ssh-ed25519":
      writer.string(fields.format).string(fields.publicKey).string(concatBytes(fields.seed, fields.publicKey));
      return;
    case "ecdsa":
      writer.string(`ecdsa-sha2-${fields.curve}`).string(fields.curve).string(fields.publicPoint).mpint(fields.d);
      return;
    case "ssh-rsa":
      writer.string(fields.format);
      for (const field of ["n", "e", "d", "iqmp", "p", "q"] as const) writer.mpint(fields[field]);
  }
}
