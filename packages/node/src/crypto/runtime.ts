/**
 * Cryptographic library behind node:crypto: OpenSSL on Node; BoringSSL on Bun, Electron and workerd; Deno's own code on Deno. Use it only
 * for differences that take too long to detect by trying. Other differences are detected by `crypto/probe.ts`.
 */
export type CryptoLibrary = "openssl" | "boringssl" | "deno";

interface RuntimeFacts {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly features: object;
}

/** Cryptographic library of this process. */
export const cryptoLibrary: CryptoLibrary = cryptoLibraryOf(process);

/** Returns the cryptographic library of a runtime with these properties. */
export function cryptoLibraryOf({ versions, features }: RuntimeFacts): CryptoLibrary {
  // Deno also reports BoringSSL, so check it first.
  if (versions.deno !== undefined) return "deno";
  const { openssl_is_boringssl: isBoringSsl } = features as { readonly openssl_is_boringssl?: boolean };
  return isBoringSsl === true ? "boringssl" : "openssl";
}

/** Whether this runtime is Bun. */
export const isBun: boolean = process.versions.bun !== undefined;
