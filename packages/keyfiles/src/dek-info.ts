import { concatBytes, escapeText, SshError } from "@nacre/wire";
import { md5 } from "@noble/hashes/legacy.js";
import { cbcDecrypt } from "./cbc-padding.ts";
import type { Unlock } from "./pbes2.ts";
import type { PemBlock } from "./pem.ts";

const KEY_LENGTHS: ReadonlyMap<string, number> = new Map([
  ["AES-128-CBC", 16],
  ["AES-192-CBC", 24],
  ["AES-256-CBC", 32],
]);

/**
 * Reads the headers of a PEM that OpenSSL encrypted in its old way (RFC 1421 §4.6.1.1, §4.6.1.3, with ciphers of its own):
 * the way from the passphrase to the bytes inside. The key is one MD5 of passphrase
 * and salt, which slows nobody who guesses: read, never written. Throws `file-malformed` and `key-unsupported`.
 */
export function readDekInfo({ headers, body, line }: PemBlock): Unlock {
  if (headers.get("Proc-Type") !== "4,ENCRYPTED")
    throw new SshError(
      "file-malformed",
      `line ${line}: its headers are not those of an encrypted key (Proc-Type: 4,ENCRYPTED)`,
    );
  const [cipher, iv] = /^([A-Z0-9-]+),([0-9A-Fa-f]+)$/.exec(headers.get("DEK-Info") ?? "")?.slice(1) ?? [];
  if (cipher === undefined || iv === undefined)
    throw new SshError("file-malformed", `line ${line}: its DEK-Info header is missing or damaged`);
  const keyLength = KEY_LENGTHS.get(cipher);
  if (keyLength === undefined)
    throw new SshError(
      "key-unsupported",
      `the key file is encrypted with ${escapeText(cipher.slice(0, 64))}; write it anew with ssh-keygen -p`,
    );
  if (iv.length !== 32) throw new SshError("file-malformed", `line ${line}: the IV in its DEK-Info is not 16 bytes`);
  if (body.length === 0 || body.length % 16 !== 0)
    throw new SshError("file-malformed", `line ${line}: ${body.length} encrypted bytes are not whole blocks`);

  const ivBytes = Uint8Array.from(iv.match(/../g)!, (digits) => Number.parseInt(digits, 16));
  return function* (passphrase) {
    yield;
    // EVP_BytesToKey with one round of MD5: the salt is the first half of the IV.
    const seed = concatBytes(passphrase, ivBytes.subarray(0, 8));
    const first = md5(seed);
    const key = concatBytes(first, md5(concatBytes(first, seed))).slice(0, keyLength);
    const plain = cbcDecrypt(key, ivBytes, body);
    key.fill(0);
    return plain;
  };
}
