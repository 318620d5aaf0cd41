import { concatBytes, escapeText, type RandomSource, SshError, toHex } from "@nacre/wire";
import { md5 } from "@noble/hashes/legacy.js";
import { cbcDecrypt, cbcEncrypt } from "./cbc-padding.ts";
import type { Unlock } from "./pbes2.ts";
import type { PemBlock } from "./pem.ts";

const KEY_LENGTHS: ReadonlyMap<string, number> = new Map([
  ["AES-128-CBC", 16],
  ["AES-192-CBC", 24],
  ["AES-256-CBC", 32],
]);

/**
 * Parses the headers of a PEM block in OpenSSL's legacy encryption (RFC 1421 §4.6.1.1, §4.6.1.3, with OpenSSL's own ciphers). Returns the
 * function that decrypts it. The format is weak: one MD5 of passphrase and salt does not slow down guessing. Throws `file-malformed` and
 * `key-unsupported`.
 */
export function readDekInfo({ headers, body, line }: PemBlock): Unlock {
  if (headers.get("Proc-Type") !== "4,ENCRYPTED")
    throw new SshError(
      "file-malformed",
      `line ${line}: headers lack "Proc-Type: 4,ENCRYPTED", which marks an encrypted key`,
    );
  const [cipher, iv] = /^([A-Z0-9-]+),([0-9A-Fa-f]+)$/.exec(headers.get("DEK-Info") ?? "")?.slice(1) ?? [];
  if (cipher === undefined || iv === undefined)
    throw new SshError("file-malformed", `line ${line}: DEK-Info header is missing or malformed`);
  const keyLength = KEY_LENGTHS.get(cipher);
  if (keyLength === undefined)
    throw new SshError(
      "key-unsupported",
      `unsupported cipher ${escapeText(cipher.slice(0, 64))} in the key file; re-encrypt it with \`ssh-keygen -p\``,
    );
  if (iv.length !== 32)
    throw new SshError("file-malformed", `line ${line}: IV in the DEK-Info header is not 16 bytes long`);
  if (body.length === 0 || body.length % 16 !== 0)
    throw new SshError(
      "file-malformed",
      `line ${line}: ciphertext has ${body.length} bytes, expected a positive multiple of 16`,
    );

  const ivBytes = Uint8Array.from(iv.match(/../g)!, (digits) => Number.parseInt(digits, 16));
  return function* (passphrase) {
    yield;
    const key = keyOf(passphrase, ivBytes, keyLength);
    const plain = cbcDecrypt(key, ivBytes, body);
    key.fill(0);
    return plain;
  };
}

/** Encrypts like {@link readDekInfo} decrypts, with the cipher of ssh-keygen. Returns the headers and the body of a PEM block. */
export function writeDekInfo(
  body: Uint8Array,
  passphrase: Uint8Array,
  random: RandomSource,
): { readonly headers: readonly string[]; readonly body: Uint8Array } {
  const iv = random(16);
  const key = keyOf(passphrase, iv, 16);
  const headers = ["Proc-Type: 4,ENCRYPTED", `DEK-Info: AES-128-CBC,${toHex(iv).toUpperCase()}`];
  return { headers, body: cbcEncrypt(key, iv, body) };
}

/** Derives a key like EVP_BytesToKey with one round of MD5. The salt is the first half of the IV. */
function keyOf(passphrase: Uint8Array, iv: Uint8Array, length: number): Uint8Array {
  const seed = concatBytes(passphrase, iv.subarray(0, 8));
  const first = md5(seed);
  return concatBytes(first, md5(concatBytes(first, seed))).slice(0, length);
}
