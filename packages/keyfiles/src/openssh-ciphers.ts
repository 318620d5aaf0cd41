import { concatBytes, equalBytes } from "@nacre/wire";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { cbc, ctr, gcm } from "@noble/ciphers/aes.js";
import { chacha20orig } from "@noble/ciphers/chacha.js";

/** Cipher for encrypted OpenSSH private keys. */
export interface FileCipher {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
  /** Length in bytes of the tag that follows the ciphertext, outside its `string`. */
  readonly tagLength: number;
  /** Returns the ciphertext in a new array, with the tag after it. `plaintext` is aligned to words. */
  encrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Returns the plaintext in a new array, or `undefined` if the tag is invalid: the key is wrong or the data is damaged. */
  decrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | undefined;
}

/** Supported ciphers by the name that `ssh -Q cipher` prints. */
export const FILE_CIPHERS: ReadonlyMap<string, FileCipher> = new Map([
  ["aes128-ctr", aesCtr(16)],
  ["aes192-ctr", aesCtr(24)],
  ["aes256-ctr", aesCtr(32)],
  ["aes128-cbc", aesCbc(16)],
  ["aes192-cbc", aesCbc(24)],
  ["aes256-cbc", aesCbc(32)],
  ["aes128-gcm@openssh.com", aesGcm(16)],
  ["aes256-gcm@openssh.com", aesGcm(32)],
  ["chacha20-poly1305@openssh.com", chacha20Poly1305()],
]);

// `decrypt` copies its input, since noble refuses arrays that are not word-aligned. Bundlers that see no side effects drop an unused
// FILE_CIPHERS, with noble's AES.

// @__NO_SIDE_EFFECTS__
function aesCtr(keyLength: number): FileCipher {
  return {
    keyLength,
    ivLength: 16,
    blockSize: 16,
    tagLength: 0,
    encrypt: (key, iv, plaintext) => ctr(key, iv).encrypt(plaintext),
    decrypt: (key, iv, ciphertext) => ctr(key, iv).decrypt(ciphertext.slice()),
  };
}

// @__NO_SIDE_EFFECTS__
function aesCbc(keyLength: number): FileCipher {
  return {
    keyLength,
    ivLength: 16,
    blockSize: 16,
    tagLength: 0,
    encrypt: (key, iv, plaintext) => cbc(key, iv, { disablePadding: true }).encrypt(plaintext),
    decrypt: (key, iv, ciphertext) => cbc(key, iv, { disablePadding: true }).decrypt(ciphertext.slice()),
  };
}

// @__NO_SIDE_EFFECTS__
function aesGcm(keyLength: number): FileCipher {
  return {
    keyLength,
    ivLength: 12,
    blockSize: 16,
    tagLength: 16,
    encrypt: (key, iv, plaintext) => gcm(key, iv).encrypt(plaintext),
    decrypt(key, iv, ciphertext, tag) {
      try {
        return gcm(key, iv).decrypt(concatBytes(ciphertext, tag));
      } catch {
        return undefined;
      }
    },
  };
}

/** OpenSSH PROTOCOL.chacha20poly1305 with sequence number 0. A file has no packet length, so only the first of the two keys is used. */
// @__NO_SIDE_EFFECTS__
function chacha20Poly1305(): FileCipher {
  const nonce = new Uint8Array(8);
  const crypt = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
    chacha20orig(key.slice(0, 32), nonce, bytes, undefined, 1);
  const tagOf = (key: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
    poly1305(ciphertext, chacha20orig(key.slice(0, 32), nonce, new Uint8Array(32)));
  return {
    keyLength: 64,
    ivLength: 0,
    blockSize: 8,
    tagLength: 16,
    encrypt(key, _iv, plaintext) {
      const ciphertext = crypt(key, plaintext);
      return concatBytes(ciphertext, tagOf(key, ciphertext));
    },
    decrypt: (key, _iv, ciphertext, tag) =>
      equalBytes(tagOf(key, ciphertext), tag) ? crypt(key, ciphertext.slice()) : undefined,
  };
}
