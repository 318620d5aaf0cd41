import { type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import { completeLimits, type Overrides, SshError } from "@nacre/wire";
import { readDekInfo } from "./dek-info.ts";
import { looksLikeSequence } from "./der.ts";
import { readPkcs1, readPkcs8, readSec1 } from "./key-der.ts";
import { KEY_FILE_LIMITS, type KeyFileLimits } from "./limits.ts";
import { readOpensshContainer } from "./openssh-container.ts";
import { openOpensshKey } from "./openssh-key.ts";
import { readPbes2, type Unlock } from "./pbes2.ts";
import type { PemBlock } from "./pem.ts";
import { findPrivateKey, keyFileText, openPlainBlock } from "./plain-private-key.ts";
import { ppkFiles } from "./ppk.ts";
import {
  type EncryptedKeyFile,
  type KeyFileForm,
  type MakeKey,
  type PrivateKeyFile,
  type PrivateKeyFormat,
  passphraseBytes,
} from "./private-key-file.ts";

/**
 * Opens a private key file: OpenSSH's format (PROTOCOL.key), PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) or SEC1 (RFC 5915) in PEM, or PuTTY's
 * PPK (PuTTY manual, appendix C). The result contains the key of an unencrypted file. For an encrypted file, call its `decrypt`.
 *
 * Throws `file-malformed` with the line or field, `key-unsupported` for an unsupported type of key or cipher and for a file beyond
 * `limits`, `key-malformed` or `key-weak` for an invalid key or a PPK file that was changed, and `usage` for a limit outside its range.
 */
export function openPrivateKey(text: string | Uint8Array, limits?: Overrides<KeyFileLimits>): PrivateKeyFile {
  return openPrivateKeyWith([ppkFiles], text, limits);
}

/**
 * Opens a private key file like {@link openPrivateKey}: PEM, or one of `forms`. A bundle carries no other form than those. Throws
 * `key-unsupported` for PuTTY's PPK unless `ppkFiles` is among them. `makeKey` is the key constructor: a package may bring its own
 * arithmetic.
 */
export function openPrivateKeyWith(
  forms: readonly KeyFileForm[],
  text: string | Uint8Array,
  limits?: Overrides<KeyFileLimits>,
  makeKey: MakeKey = privateKeyFromFields,
): PrivateKeyFile {
  const allowed = completeLimits(KEY_FILE_LIMITS, limits);
  const string = keyFileText(text, allowed);
  const form = forms.find((one) => one.begins(string));
  if (form !== undefined) return form.open(string, allowed, makeKey);
  const block = findPrivateKey(string);
  return openPlainBlock(block, makeKey, allowed) ?? openEncryptedBlock(block, allowed, makeKey);
}

function openEncryptedBlock(block: PemBlock, limits: KeyFileLimits, makeKey: MakeKey): EncryptedKeyFile {
  const make: MakeKey = (values) => makeKey(values, limits);
  if (block.label === "ENCRYPTED PRIVATE KEY")
    return encrypted("pkcs8", readPbes2(block.body, limits), readPkcs8, make);
  if (block.headers.size > 0)
    return encrypted("pem", readDekInfo(block), block.label === "RSA PRIVATE KEY" ? readPkcs1 : readSec1, make);
  const container = readOpensshContainer(block.body, limits);
  return openOpensshKey(container, container.encryption!, limits, make);
}

function encrypted(
  format: PrivateKeyFormat,
  unlock: Unlock,
  read: (body: Uint8Array, makeKey: MakeKey) => PrivateKey,
  makeKey: MakeKey,
): EncryptedKeyFile {
  return {
    encrypted: true,
    format,
    publicKey: undefined,
    *decrypt(passphrase) {
      const body = yield* unlock(passphraseBytes(passphrase));
      // These formats have no integrity check. A wrong passphrase passes both tests about once in 2^30.
      if (body === undefined || !looksLikeSequence(body))
        throw new SshError("passphrase-wrong", "wrong passphrase, or the private key file is damaged");
      return { privateKey: read(body, makeKey), comment: "" };
    },
  };
}
