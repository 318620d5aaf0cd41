import type { PrivateKey } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { isBytes, usage } from "./check.ts";
import { checkNames, type OptionNames } from "./option-names.ts";
import { inSlices } from "./slices.ts";

/** How {@link privateKey} opens a key. */
export interface PrivateKeyOptions {
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
}

const PRIVATE_KEY_OPTIONS: OptionNames<PrivateKeyOptions> = { passphrase: true };

/**
 * Opens the text of a private key file for `identities` and `hostKeys`: OpenSSH's format, PKCS#8, PKCS#1 or SEC1, plain or encrypted.
 * The code that reads key files is imported by the first call. Rejects with `passphrase-needed`, `passphrase-wrong`, `usage` if `text`
 * is neither text nor bytes, or what `openPrivateKey` of `@nacre/keyfiles` throws.
 */
export async function privateKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<PrivateKey> {
  checkNames(options, PRIVATE_KEY_OPTIONS, "privateKey");
  checkKeyText(text);
  const { openPrivateKey } = await import("@nacre/keyfiles");
  const opened = openPrivateKey(text);
  if (!opened.encrypted) return opened.privateKey;
  const { passphrase } = options;
  if (passphrase === undefined) throw passphraseNeeded();
  return (await inSlices(opened.decrypt(passphrase))).privateKey;
}

/** Throws `usage` if the text of a key file is missing, as when the environment variable that should have it is not set. */
export function checkKeyText(text: unknown): void {
  if (typeof text !== "string" && !isBytes(text))
    throw usage("privateKey takes the text of a key file, and there is none: was it read?");
}

/** Makes the error for an encrypted key without a passphrase. */
export function passphraseNeeded(): SshError {
  return new SshError("passphrase-needed", "the private key is encrypted: give its passphrase");
}
