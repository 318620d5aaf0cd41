import { stat } from "node:fs/promises";
import {
  type EncryptedKeyFile,
  openPlainPrivateKey,
  type PrivateKeyFile,
  type UnlockedKey,
} from "@nacre/keyfiles/internal";
import { type PrivateKey, RSA_BITS } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { checkKeyText, checkMinRsaBits, checkOptions, inSlices, type OptionRows, passphraseNeeded } from "nacre/extend";
import { type CryptoChoice, nodePrivateKey } from "../crypto/private-key.ts";

/** Options of {@link privateKey}. */
export interface PrivateKeyOptions {
  /** Passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
  /** Signature implementation; default `"node"`. */
  readonly crypto?: CryptoChoice | undefined;
  /** Least size of an RSA key in bits, from 1,024; default 2,048. */
  readonly minRsaBits?: number | undefined;
}

const PRIVATE_KEY_OPTIONS: OptionRows<PrivateKeyOptions> = {
  passphrase: "string",
  crypto: ["node", "noble"],
  minRsaBits: { check: checkMinRsaBits },
};

/**
 * Returns the private key in the text of a key file, for `identities` and `hostKeys`. Use it for keys from an environment variable or a
 * vault. Rejects with `passphrase-needed`, `passphrase-wrong`, `usage` if `text` has another type, or the errors of `openPrivateKey`.
 */
export async function privateKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<PrivateKey> {
  checkOptions(options, PRIVATE_KEY_OPTIONS, "`privateKey`");
  checkKeyText(text);
  const { passphrase, crypto, minRsaBits } = options;
  const opened = await openKeyFile(text, crypto, minRsaBits);
  if (!opened.encrypted) return opened.privateKey;
  if (passphrase === undefined) throw passphraseNeeded();
  return (await decryptKey(opened, passphrase, crypto, { minRsaBits })).privateKey;
}

/**
 * Parses a private key file. An unencrypted key signs with node:crypto unless `crypto` is `"noble"`. The portable code is imported only for
 * an encrypted key, PuTTY's format or `"noble"`. Rejects with the errors of `openPrivateKey`.
 */
export async function openKeyFile(
  bytes: Uint8Array | string,
  crypto: CryptoChoice | undefined,
  minRsaBits: number = RSA_BITS.default,
): Promise<PrivateKeyFile> {
  const plain = crypto === "noble" ? undefined : openPlainPrivateKey(bytes, nodePrivateKey, { minRsaBits });
  if (plain !== undefined) return plain;
  const opened = (await import("@nacre/keyfiles")).openPrivateKey(bytes, { minRsaBits });
  if (opened.encrypted || crypto === "noble") return opened;
  return { ...opened, privateKey: nodePrivateKey(opened.privateKey.fields, { minRsaBits }) };
}

/**
 * Rejects with `file-unreadable` if this account owns the private key file and other users can read or write it, since the key may be
 * compromised. Does not check files of other users. OpenSSH does the same.
 */
export async function assertPrivate(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  if (uid === process.getuid?.() && /* rule: key-file-mode */ (mode & 0o077) !== 0)
    throw new SshError(
      "file-unreadable",
      `other users can read or write this private key (mode ${(mode & 0o777).toString(8).padStart(4, "0")}); run \`chmod 600\` on it`,
    );
}

/** Decrypts a key without blocking the event loop. Rejects with the errors of `decrypt` or the signal's reason. */
export async function decryptKey(
  file: EncryptedKeyFile,
  passphrase: string,
  crypto: CryptoChoice | undefined,
  { minRsaBits, signal }: { readonly minRsaBits?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<UnlockedKey> {
  const { privateKey, comment } = await inSlices(file.decrypt(passphrase), signal);
  return { privateKey: crypto === "noble" ? privateKey : nodePrivateKey(privateKey.fields, { minRsaBits }), comment };
}
