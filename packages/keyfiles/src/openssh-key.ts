import type { PrivateKey } from "@nacre/keys";
import { defaultKeyFormats, findKeyFormat } from "@nacre/keys/internal";
import { equalBytes, type RandomSource, SshError, Writer } from "@nacre/wire";
import { bcryptPbkdf } from "./bcrypt-pbkdf.ts";
import { type KeyFileLimits, overLimit } from "./limits.ts";
import { FILE_CIPHERS, type FileCipher } from "./openssh-ciphers.ts";
import { MAGIC, type OpensshContainer, readPrivateSection } from "./openssh-container.ts";
import { type EncryptedKeyFile, type MakeKey, passphraseBytes } from "./private-key-file.ts";

/** Opens an encrypted container. Throws `file-malformed` or `key-unsupported`. */
export function openOpensshKey(
  container: OpensshContainer,
  { cipherName, kdfName, kdfOptions: options }: NonNullable<OpensshContainer["encryption"]>,
  limits: KeyFileLimits,
  makeKey: MakeKey,
): EncryptedKeyFile {
  const { publicKey, privateKeys, tag, fail } = container;
  const cipher = FILE_CIPHERS.get(cipherName);
  if (cipher === undefined)
    throw new SshError(
      "key-unsupported",
      `unsupported cipher ${cipherName.slice(0, 64)} in the key file; re-encrypt it with \`ssh-keygen -p\``,
    );
  if (kdfName !== "bcrypt")
    throw new SshError(
      "key-unsupported",
      `unsupported key derivation ${kdfName.slice(0, 64)} in the key file; expected bcrypt`,
    );
  const salt = options.string("salt");
  const rounds = options.uint32("rounds");
  options.end();
  if (salt.length === 0 || rounds === 0) options.fail("salt or rounds", "is empty or 0");
  // rule: bcrypt-rounds
  if (rounds > limits.maxBcryptRounds)
    throw overLimit(`${rounds} bcrypt rounds`, "maxBcryptRounds", limits.maxBcryptRounds);
  if (privateKeys.length === 0 || privateKeys.length % cipher.blockSize !== 0)
    fail(
      "encrypted list",
      `has ${privateKeys.length} bytes, expected a positive multiple of the block size of ${cipherName}`,
    );
  if (tag.length !== cipher.tagLength)
    fail("tag", `has ${tag.length} bytes, expected ${cipher.tagLength} for ${cipherName}`);

  return {
    encrypted: true,
    format: "openssh",
    publicKey,
    *decrypt(passphrase) {
      const bytes = passphraseBytes(passphrase);
      const { keyLength, ivLength } = cipher;
      const secret = yield* bcryptPbkdf(bytes, salt, rounds, keyLength + ivLength);
      const plain = cipher.decrypt(secret.slice(0, keyLength), secret.slice(keyLength), privateKeys, tag);
      secret.fill(0);
      if (plain === undefined || !equalBytes(plain.subarray(0, 4), plain.subarray(4, 8)))
        throw new SshError("passphrase-wrong", "wrong passphrase for the private key");
      return readPrivateSection(container, plain, makeKey);
    },
  };
}

/** How the private section is encrypted. */
export interface OpensshEncryption {
  readonly passphrase: Uint8Array;
  /** bcrypt-pbkdf rounds. */
  readonly rounds: number;
  readonly cipher: string;
}

/** Encodes the body of "OPENSSH PRIVATE KEY": unencrypted, or with bcrypt-pbkdf like `ssh-keygen`. Throws `usage` for an unknown cipher. */
export function* writeOpensshKey(
  key: PrivateKey,
  comment: string,
  random: RandomSource,
  encryption: OpensshEncryption | undefined,
): Generator<void, Uint8Array> {
  const cipher = encryption && cipherOf(encryption.cipher);
  const blockSize = cipher?.blockSize ?? 8;
  const check = random(4);
  const section = new Writer(4096).raw(check).raw(check);
  const { format } = key.fields;
  section.string(format);
  findKeyFormat(defaultKeyFormats, format).secret!.write(section, key.fields, false);
  section.string(comment);
  const length = section.finish().length;
  for (let i = 1; (length + i - 1) % blockSize !== 0; i++) section.byte(i);
  const plain = section.finish();

  const writer = new Writer(4096).raw(MAGIC);
  if (encryption === undefined || cipher === undefined)
    return writer.string("none").string("none").string("").uint32(1).string(key.publicKey.blob).string(plain).finish();
  const salt = random(16);
  const { keyLength, ivLength } = cipher;
  const secret = yield* bcryptPbkdf(encryption.passphrase, salt, encryption.rounds, keyLength + ivLength);
  const sealed = cipher.encrypt(secret.slice(0, keyLength), secret.slice(keyLength), plain);
  secret.fill(0);
  plain.fill(0);
  return writer
    .string(encryption.cipher)
    .string("bcrypt")
    .string(new Writer().string(salt).uint32(encryption.rounds).finish())
    .uint32(1)
    .string(key.publicKey.blob)
    .string(sealed.subarray(0, plain.length))
    .raw(sealed.subarray(plain.length))
    .finish();
}

function cipherOf(name: string): FileCipher {
  const cipher = FILE_CIPHERS.get(name);
  if (cipher === undefined)
    throw new SshError("usage", `unknown cipher "${name}"; expected one of ${[...FILE_CIPHERS.keys()].join(", ")}`);
  return cipher;
}
