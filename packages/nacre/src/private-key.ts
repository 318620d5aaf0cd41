import { openPrivateKey } from "@nacre/keyfiles";
import type { PrivateKey } from "@nacre/keys/internal";
import { checkKeyText, passphraseNeeded } from "./key-text.ts";
import { checkOptions, type OptionRows } from "./options/schema.ts";
import { inSlices } from "./slices.ts";

/** Options of {@link privateKey}. */
export interface PrivateKeyOptions {
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
}

const PRIVATE_KEY_OPTIONS: OptionRows<PrivateKeyOptions> = { passphrase: "string" };

/**
 * Opens the text of a private key file, for `identities` and `hostKeys`. Reads OpenSSH's format, PKCS#8, PKCS#1, SEC1 and PuTTY's PPK,
 * plain or encrypted. Rejects with `passphrase-needed`, `passphrase-wrong`, `usage` if `text` is neither a string nor bytes, or an error
 * of `openPrivateKey` of `@nacre/keyfiles`.
 */
export async function privateKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<PrivateKey> {
  checkOptions(options, PRIVATE_KEY_OPTIONS, "`privateKey`");
  checkKeyText(text);
  const opened = openPrivateKey(text);
  if (!opened.encrypted) return opened.privateKey;
  const { passphrase } = options;
  if (passphrase === undefined) throw passphraseNeeded();
  return (await inSlices(opened.decrypt(passphrase))).privateKey;
}
