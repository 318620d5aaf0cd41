import type { PrivateKey } from "@nacre/keys";
import { SshError, utf8Decode, utf8Encode } from "@nacre/wire";
import { readDekInfo } from "./dek-info.ts";
import { looksLikeSequence } from "./der.ts";
import { readPkcs1, readPkcs8, readSec1 } from "./key-der.ts";
import { DEFAULT_KEY_FILE_LIMITS, type KeyFileLimits } from "./limits.ts";
import { readOpensshKey } from "./openssh-key.ts";
import { readPbes2, type Unlock } from "./pbes2.ts";
import { type PemBlock, parsePem } from "./pem.ts";
import type { EncryptedKeyFile, PrivateKeyFile, PrivateKeyFormat } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

/**
 * Reads a private key file: OpenSSH's own format (PROTOCOL.key), PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) and SEC1 (RFC 5915) in PEM.
 * A plain key comes out at once; an encrypted one says so, and waits for `decrypt`.
 *
 * Throws `file-malformed` with the line or the field, `key-unsupported` with the kind of key or cipher and what to do, or for a
 * file past `limits`; `key-malformed` and `key-weak` for a key that no one should use.
 */
export function openPrivateKey(text: string | Uint8Array, limits?: Partial<KeyFileLimits>): PrivateKeyFile {
  const allowed = { ...DEFAULT_KEY_FILE_LIMITS, ...limits };
  if (text.length > allowed.maxFileSize)
    throw new SshError(
      "file-malformed",
      `the file has ${text.length} bytes, a private key at most ${allowed.maxFileSize} (maxFileSize)`,
    );
  const string = typeof text === "string" ? text : utf8Decode(text);
  if (string === undefined)
    throw new SshError("file-malformed", "the file is no text, as a private key is; it may be DER or a damaged file");

  const blocks = parsePem(string).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = blocks;
  if (block === undefined) throw notAPrivateKey(string);
  if (blocks.length > 1)
    throw new SshError("file-malformed", `line ${blocks[1]!.line}: a second private key begins; a file may hold one`);
  return openBlock(block, allowed);
}

function openBlock(block: PemBlock, limits: KeyFileLimits): PrivateKeyFile {
  const { label, body } = block;
  switch (label) {
    case "OPENSSH PRIVATE KEY":
      return readOpensshKey(body, limits);
    case "PRIVATE KEY":
      return plain("pkcs8", readPkcs8(body));
    case "ENCRYPTED PRIVATE KEY":
      return encrypted("pkcs8", readPbes2(body, limits), readPkcs8);
    case "RSA PRIVATE KEY":
      return openTraditional(block, readPkcs1);
    case "EC PRIVATE KEY":
      return openTraditional(block, readSec1);
    case "DSA PRIVATE KEY":
      throw unsupportedKey("ssh-dss");
    default:
      throw unsupportedKey(label);
  }
}

function openTraditional(block: PemBlock, read: (body: Uint8Array) => PrivateKey): PrivateKeyFile {
  if (block.headers.size === 0) return plain("pem", read(block.body));
  return encrypted("pem", readDekInfo(block), read);
}

function plain(format: PrivateKeyFormat, privateKey: PrivateKey): PrivateKeyFile {
  return { encrypted: false, format, privateKey, comment: "" };
}

function encrypted(format: PrivateKeyFormat, unlock: Unlock, read: (body: Uint8Array) => PrivateKey): EncryptedKeyFile {
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
      return { privateKey: read(body), comment: "" };
    },
  };
}

function notAPrivateKey(text: string): SshError {
  const first = text.trimStart().split("\n", 1)[0]!.trimEnd();
  if (first.startsWith("PuTTY-User-Key-File-")) return unsupportedKey("PuTTY PPK");
  if (first.startsWith("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")) return unsupportedKey("SSH.COM");
  if (first.startsWith("SSH PRIVATE KEY FILE FORMAT 1.")) return unsupportedKey("SSH-1 RSA");
  if (first === "") return new SshError("file-malformed", "the file is empty");
  if (/^(ssh|ecdsa|sk)-[^ ]+ AAAA/.test(first) || /PUBLIC KEY ?-----?$/.test(first))
    return new SshError(
      "file-malformed",
      "the file holds a public key; the private one is usually beside it, without .pub",
    );
  // Its text is not shown: it may be a secret of another kind.
  return new SshError("file-malformed", 'the file holds no private key: no line says "-----BEGIN … PRIVATE KEY-----"');
}
