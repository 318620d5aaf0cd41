import { createDecipheriv, createHash } from "node:crypto";
import { openPrivateKeyWith, type UnlockedKey } from "@nacre/keyfiles";
import { nodePrivateKey } from "@nacre/node";
import { escapeText } from "@nacre/wire";
import type { Ssh2Error } from "../errors.ts";
import { curveOid } from "./curve-oid.ts";
import { type KeyFileOptions, KeyTextError, looseBase64, pemOf, runToEnd, withSsh2Errors } from "./key-text.ts";

const FILE = /^-----BEGIN (RSA|DSA|EC) PRIVATE KEY-----\r?\n([\s\S]+)\r?\n-----END (?:RSA|DSA|EC) PRIVATE KEY-----$/;
const PKCS8 = /^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----\r?\n([\s\S]+)\r?\n-----END (?:ENCRYPTED )?PRIVATE KEY-----$/;
const MALFORMED = "Malformed OpenSSH private key";

/** Lengths of the keys and IVs of ciphers in PEM files, in bytes (RFC 1421 §4.6.1.3, and OpenSSL's own). */
const CIPHERS: Readonly<Record<string, { readonly keyLength: number; readonly ivLength: number }>> = {
  "aes-128-cbc": { keyLength: 16, ivLength: 16 },
  "aes-192-cbc": { keyLength: 24, ivLength: 16 },
  "aes-256-cbc": { keyLength: 32, ivLength: 16 },
  // Written by OpenSSH before 5.6. Refusing to read an old file would not make its key safer.
  "des-ede3-cbc": { keyLength: 24, ivLength: 8 },
};

/** Opens a text with a key in PKCS#1 (RFC 8017) or SEC1 (RFC 5915); `undefined` if it is in another format. */
export function openPemFile(text: string, { passphrase, limits }: KeyFileOptions): UnlockedKey | Ssh2Error | undefined {
  const [, kind, content] = FILE.exec(text) ?? [];
  if (kind === undefined || content === undefined) return undefined;
  let isEncrypted = false;
  let curve: string | undefined;
  return withSsh2Errors(
    () => {
      const { headers, body } = splitHeaders(content);
      const encryption = headers.get("DEK-Info");
      isEncrypted = encryption !== undefined;
      const plain = encryption === undefined ? body : decrypted(body, encryption, passphrase);
      if (kind === "DSA") throw new KeyTextError("Unsupported OpenSSH private key type: ssh-dss");
      if (kind === "EC") curve = curveOid(plain);
      const file = openPrivateKeyWith([], pemOf(`${kind} PRIVATE KEY`, plain), limits, nodePrivateKey);
      return file as UnlockedKey;
    },
    (code) => {
      if (code === "key-unsupported" && curve !== undefined) return `Unsupported private key EC OID: ${curve}`;
      return isEncrypted ? `${MALFORMED}. Bad passphrase?` : MALFORMED;
    },
  );
}

/**
 * Opens a text with a key in PKCS#8 (RFC 5958); `undefined` if it is in another format. ssh2 reads none, so the texts of errors are ours.
 */
export function openPkcs8File(
  text: string,
  { passphrase, limits }: KeyFileOptions,
): UnlockedKey | Ssh2Error | undefined {
  const [, isEncrypted, content] = PKCS8.exec(text) ?? [];
  if (content === undefined) return undefined;
  return withSsh2Errors(
    () => {
      if (isEncrypted !== undefined && passphrase === undefined)
        throw new KeyTextError("Encrypted private key detected, but no passphrase given");
      const label = `${isEncrypted ?? ""}PRIVATE KEY`;
      const file = openPrivateKeyWith([], pemOf(label, looseBase64(content)), limits, nodePrivateKey);
      return file.encrypted ? runToEnd(file.decrypt(passphrase!)) : file;
    },
    (code) => {
      if (code === "key-unsupported") return "Unsupported private key type or encryption";
      return isEncrypted === undefined ? "Malformed private key" : "Malformed private key. Bad passphrase?";
    },
  );
}

/** Splits the headers of RFC 1421 from the base64 that follows. */
function splitHeaders(content: string): { readonly headers: ReadonlyMap<string, string>; readonly body: Uint8Array } {
  const lines = content.split(/\r?\n/);
  const start = lines.findIndex((line) => !/^[^:]+:\s*\S/.test(line));
  if (start < 0) throw new KeyTextError(MALFORMED);
  const headers = lines.slice(0, start).map((line): [string, string] => {
    const [name, value] = line.split(/:\s*/, 2);
    return [name!, value!];
  });
  return { headers: new Map(headers), body: looseBase64(lines.slice(start).join("\n")) };
}

/** Decrypts a body in OpenSSL's old encryption. Checks in ssh2's order: cipher, IV, passphrase. */
function decrypted(body: Uint8Array, encryption: string, passphrase: Uint8Array | undefined): Uint8Array {
  const [name = "", iv = ""] = encryption.split(",", 2);
  const cipher = name.toLowerCase();
  const lengths = Object.hasOwn(CIPHERS, cipher) ? CIPHERS[cipher] : undefined;
  if (lengths === undefined)
    throw new KeyTextError(`Cipher (${escapeText(cipher)}) not supported for encrypted OpenSSH private key`);
  const ivBytes = Buffer.from(iv, "hex");
  if (ivBytes.length !== lengths.ivLength) throw new KeyTextError("Malformed encrypted OpenSSH private key");
  if (passphrase === undefined)
    throw new KeyTextError("Encrypted OpenSSH private key detected, but no passphrase given");
  try {
    const decipher = createDecipheriv(cipher, keyFor(passphrase, ivBytes, lengths.keyLength), ivBytes);
    return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
  } catch {
    throw new KeyTextError(`${MALFORMED}. Bad passphrase?`);
  }
}

/** Derives a key like EVP_BytesToKey with one round of MD5. The salt is the start of the IV. */
function keyFor(passphrase: Uint8Array, iv: Uint8Array, length: number): Buffer {
  let key = Buffer.alloc(0);
  for (let last = key; key.length < length; key = Buffer.concat([key, last]))
    last = createHash("md5").update(last).update(passphrase).update(iv.subarray(0, 8)).digest();
  return key.subarray(0, length);
}
