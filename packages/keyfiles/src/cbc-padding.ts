import { cbc } from "@noble/ciphers/aes.js";

/**
 * Decrypts AES-CBC and removes the PKCS#7 padding (RFC 5652 §6.3). Returns `undefined` if the padding is invalid. The ciphertext must be at
 * least one whole block.
 */
export function cbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  // Copy, since noble refuses arrays that are not word-aligned.
  const plain = cbc(key, iv.slice(), { disablePadding: true }).decrypt(ciphertext.slice());
  const padding = plain[plain.length - 1]!;
  if (padding < 1 || padding > 16) return undefined;
  const end = plain.length - padding;
  return plain.subarray(end).every((byte) => byte === padding) ? plain.slice(0, end) : undefined;
}

/** Adds PKCS#7 padding and encrypts with AES-CBC, the inverse of {@link cbcDecrypt}. */
export function cbcEncrypt(key: Uint8Array, iv: Uint8Array, plain: Uint8Array): Uint8Array {
  return cbc(key, iv.slice()).encrypt(plain.slice());
}
