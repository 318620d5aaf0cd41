import { type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import { completeLimits, type Overrides, SshError, utf8Encode } from "@nacre/wire";
import { readDekInfo } from "./dek-info.ts";
import { looksLikeSequence } from "./der.ts";
import { readPkcs1, readPkcs8, readSec1 } from "./key-der.ts";
import { KEY_FILE_LIMITS, type KeyFileLimits } from "./limits.ts";
import { readOpensshContainer } from "./openssh-container.ts";
import { openOpensshKey } from "./openssh-key.ts";
import { readPbes2, type Unlock } from "./pbes2.ts";
import type { PemBlock } from "./pem.ts";
import { findPrivateKey, openPlainBlock } from "./plain-private-key.ts";
import type { EncryptedKeyFile, KeyMaker, PrivateKeyFile, PrivateKeyFormat } from "./private-key-file.ts";

/**
 * Reads a private key file: OpenSSH's own format (PROTOCOL.key), PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) and SEC1 (RFC 5915) in PEM.
 * A plain key comes out at once; an encrypted one says so, and waits for `decrypt`.
 *
 * Throws `file-malformed` with the line or the field, `key-unsupported` with the kind of key or cipher and what to do, or for a
 * file past `limits`; `key-malformed` and `key-weak` for a key that no one should use; `usage` for a limit outside its range.
 */
export function openPrivateKey(text: string | Uint8Array, limits?: Overrides<KeyFileLimits>): PrivateKeyFile {
  const allowed = completeLimits(KEY_FILE_LIMITS, limits);
  const block = findPrivateKey(text, allowed);
  return openPlainBlock(block, privateKeyFromFields) ?? openEncryptedBlock(block, allowed);
}

function openEncryptedBlock(block: PemBlock, limits: KeyFileLimits): EncryptedKeyFile {
  if (block.label === "ENCRYPTED PRIVATE KEY") return encrypted("pkcs8", readPbes2(block.body, limits), readPkcs8);
  if (block.headers.size > 0)
    return encrypted("pem", readDekInfo(block), block.label === "RSA PRIVATE KEY" ? readPkcs1 : readSec1);
  const container = readOpensshContainer(block.body);
  return openOpensshKey(container, container.encryption!, limits);
}

function encrypted(
  format: PrivateKeyFormat,
  unlock: Unlock,
  read: (body: Uint8Array, makeKey: KeyMaker) => PrivateKey,
): EncryptedKeyFile {
  return {
    encrypted: true,
    format,
    publicKey: undefined,
    *decrypt(passphrase) {
      if (passphrase === "")
        throw new SshError("passphrase-needed", "the private key is encrypted: give its passphrase");
      const body = yield* unlock(utf8Encode(passphrase));
      // These forms have no check of their own; a wrong key passes both tests about once in 2^30.
      if (body === undefined || !looksLikeSequence(body))
        throw new SshError("passphrase-wrong", "the passphrase does not open the private key, or the file is damaged");
      return { privateKey: read(body, privateKeyFromFields), comment: "" };
    },
  };
}
