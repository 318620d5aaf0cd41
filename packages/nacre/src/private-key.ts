import { type KeyFileForm, openPrivateKeyWith } from "@nacre/keyfiles";
import { type PrivateKey, RSA_BITS } from "@nacre/keys/internal";
import { checkMinRsaBits } from "./check.ts";
import { checkKeyText, passphraseNeeded } from "./key-text.ts";
import { checkOptions, type OptionRows, usage } from "./options/schema.ts";
import { inSlices } from "./slices.ts";

/** Options of {@link privateKey}. */
export interface PrivateKeyOptions {
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
  /**
   * Forms of files to read beside PEM, none by default. `ppkFiles` of `@nacre/keyfiles` reads PuTTY's. A bundle carries only those that it
   * names.
   */
  readonly forms?: readonly KeyFileForm[] | undefined;
  /** Least size of an RSA key in bits, from 1,024; default 2,048. */
  readonly minRsaBits?: number | undefined;
}

const PRIVATE_KEY_OPTIONS: OptionRows<PrivateKeyOptions> = {
  passphrase: "string",
  forms: {
    type: "array",
    check(forms = []) {
      if (!forms.every(isForm))
        throw usage("`forms` must be a list of forms of key files, such as `ppkFiles` of `@nacre/keyfiles`");
    },
  },
  minRsaBits: { check: checkMinRsaBits },
};

/**
 * Opens the text of a private key file, for `identities` and `hostKeys`. Reads OpenSSH's format, PKCS#8, PKCS#1 and SEC1, plain or
 * encrypted, and the `forms` in `options`. Rejects with `passphrase-needed`, `passphrase-wrong`, `usage` if `text` is neither a string nor
 * bytes, or an error of `openPrivateKeyWith` of `@nacre/keyfiles`.
 */
export async function privateKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<PrivateKey> {
  checkOptions(options, PRIVATE_KEY_OPTIONS, "`privateKey`");
  checkKeyText(text);
  const { passphrase, forms = [], minRsaBits = RSA_BITS.default } = options;
  const opened = openPrivateKeyWith(forms, text, { minRsaBits });
  if (!opened.encrypted) return opened.privateKey;
  if (passphrase === undefined) throw passphraseNeeded();
  return (await inSlices(opened.decrypt(passphrase))).privateKey;
}

function isForm(form: Partial<KeyFileForm> | null): boolean {
  return typeof form?.begins === "function" && typeof form.open === "function";
}
