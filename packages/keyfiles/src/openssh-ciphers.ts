import { concatBytes, equalBytes } from "@nacre/wire";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { cbc, ctr, gcm } from "@noble/ciphers/aes.js";
import { chacha20orig } from "@noble/ciphers/chacha.js";

/** A cipher that an OpenSSH private key may be encrypted with, by its SSH name. */
export interface FileCipher {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
  /** Bytes of tag that follow the ciphertext, outside of its `string`. */
  readonly tagLength: number;
  /** The plaintext, as fresh bytes; `undefined` when the tag says that the key is another one, or the bytes are damaged. */
  decrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | undefined;
}

/** The ciphers we read, as `ssh -Q cipher` names them. */
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

// Slices throughout: noble refuses arrays that do not start on a word.

function aesCtr(keyLength: number): FileCipher {
  return {
    keyLength,
    ivLength: 16,
    blockSize: 16,
    tagLength: 0,
    decrypt: (key, iv, ciphertext) => ctr(key, iv).decrypt(ciphertext.slice()),
  };
}

function aesCbc(keyLength: number): FileCipher {
  return {
    keyLength,
    ivLength: 16,
    blockSize: 16,
    tagLength: 0,
    decrypt: (key, iv, ciphertext) => cbc(key, iv, { disablePadding: true }).decrypt(ciphertext.slice()),
  };
}

function aesGcm(keyLength: number): FileCipher {
  return {
    keyLength,
    ivLength: 12,
    blockSize: 16,
    tagLength: 16,
    decrypt(key, iv, ciphertext, tag) {
      try {
        return gcm(key, iv).decrypt(concatBytes(ciphertext, tag));
      } catch {
        return undefined;
      }
    },
  };
}

/** OpenSSH PROTOCOL.chacha20poly1305 with sequence number 0 and no packet length: only the first of the two keys is used. */
function chacha20Poly1305(): FileCipher {
  return {
    keyLength: 64,
    ivLength: 0,
    blockSize: 8,
    tagLength: 16,
    decrypt(key, _iv, ciphertext, tag) {
      const main = key.slice(0, 32);
      const nonce = new Uint8Array(8);
      const macKey = chacha20orig(main, nonce, new Uint8Array(32));
      if (!equalBytes(poly1305(ciphertext, macKey), tag)) return undefined;
      return chacha20orig(main, nonce, ciphertext.slice(), undefined, 1);
    },
  };
}
