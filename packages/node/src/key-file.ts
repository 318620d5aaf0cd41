import { stat } from "node:fs/promises";
import { type EncryptedKeyFile, openPlainPrivateKey, type PrivateKeyFile } from "@nacre/keyfiles/internal";
import type { PrivateKey } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { checkKeyText, checkNames, inSlices, type OptionNames, passphraseNeeded } from "nacre/internal";
import { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";

/** How {@link privateKey} opens a key. */
export interface PrivateKeyOptions {
  /** Of an encrypted key. */
  readonly passphrase?: string | undefined;
  /** What signs with it: `"node"` by default. */
  readonly crypto?: CryptoChoice | undefined;
}

const PRIVATE_KEY_OPTIONS: OptionNames<PrivateKeyOptions> = { passphrase: true, crypto: true };

/**
 * The private key in the text of a key file, for `identities` and `hostKeys`: where no file is to be read, since an environment variable
 * or a vault has it. Rejects with `passphrase-needed`, `passphrase-wrong`, `usage` if `text` is of another type, or what `openPrivateKey` throws.
 */
export async function privateKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<PrivateKey> {
  checkNames(options, PRIVATE_KEY_OPTIONS, "privateKey");
  checkKeyText(text);
  const { passphrase, crypto } = options;
  const opened = await openKeyFile(text, crypto);
  if (!opened.encrypted) return opened.privateKey;
  if (passphrase === undefined) throw passphraseNeeded();
  return decryptKey(opened, passphrase, crypto);
}

/**
 * What a private key file holds; a key that is not encrypted signs with node:crypto, unless the portable code is chosen. Reading an
 * encrypted one takes the portable code, which is imported then. Rejects with what `openPrivateKey` throws.
 */
export async function openKeyFile(
  bytes: Uint8Array | string,
  crypto: CryptoChoice | undefined,
): Promise<PrivateKeyFile> {
  const plain = crypto === "noble" ? undefined : openPlainPrivateKey(bytes, nodePrivateKey);
  return plain ?? (await import("@nacre/keyfiles")).openPrivateKey(bytes);
}

/**
 * Rejects with `file-unreadable` for a private key file of this account's that others may read or write: they may have the key, too. A
 * file of another user's is that user's responsibility. OpenSSH refuses the same.
 */
export async function assertPrivate(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  if (uid === process.getuid?.() && /* rule: key-file-mode */ (mode & 0o077) !== 0)
    throw new SshError(
      "file-unreadable",
      `its mode ${(mode & 0o777).toString(8).padStart(4, "0")} lets others read or write this private key: run chmod 600 on it`,
    );
}

/** Decrypts without blocking the event loop. Rejects with what `decrypt` throws, or the signal's reason. */
export async function decryptKey(
  file: EncryptedKeyFile,
  passphrase: string,
  crypto: CryptoChoice | undefined,
  signal?: AbortSignal,
): Promise<PrivateKey> {
  const { privateKey } = await inSlices(file.decrypt(passphrase), signal);
  return crypto === "noble" ? privateKey : nodePrivateKey(privateKey.fields);
}
