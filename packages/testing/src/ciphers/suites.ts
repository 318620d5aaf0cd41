import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";

/** Cipher with its MAC; an AEAD cipher has none. */
export interface Suite {
  readonly name: string;
  readonly cipher: CipherAlgorithm;
  readonly mac: MacAlgorithm | undefined;
}

/** Exports of a package of ciphers: `@nacre/ciphers` or another implementation of the same algorithms. */
export type CipherSet = typeof import("@nacre/ciphers");

/** Returns all negotiable combinations of a set. */
export function suitesOf(set: CipherSet): readonly Suite[] {
  const macs = [set.hmacSha256, set.hmacSha512, set.hmacSha256Etm, set.hmacSha512Etm];
  return [
    ...[set.aes128Ctr, set.aes192Ctr, set.aes256Ctr].flatMap((cipher) =>
      macs.map((mac) => ({ name: `${cipher.name} ${mac.name}`, cipher, mac })),
    ),
    ...[set.aes128Gcm, set.aes256Gcm, set.chacha20Poly1305].map((cipher) => ({
      name: cipher.name,
      cipher,
      mac: undefined,
    })),
  ];
}
