import { cbc } from "@noble/ciphers/aes.js";

/** AES-CBC with PKCS#7 padding (RFC 5652 §6.3): the plaintext without it; `undefined` when it is wrong. Whole blocks, at least one. */
export function cbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  // Slices, as noble refuses arrays that do not start on a word.
  const plain = cbc(key, iv.slice(), { disablePadding: true }).decrypt(ciphertext.slice());
  const padding = plain[plain.length - 1]!;
  if (padding < 1 || padding > 16) return undefined;
  const end = plain.length - padding;
  return plain.subarray(end).every((byte) => byte === padding) ? plain.slice(0, end) : undefined;
}

/** The reverse of {@link cbcDecrypt}. */
export function cbcEncrypt(key: Uint8Array, iv: Uint8Array, plain: Uint8Array): Uint8Array {
  return cbc(key, iv.slice()).encrypt(plain.slice());
}
