/**
 * What does the cryptography of node:crypto: OpenSSL on Node; BoringSSL on Bun, Electron and workerd; code of its own on Deno. For differences that no
 * use can show in time. Anything else is probed (`crypto/probe.ts`).
 */
export type CryptoLibrary = "openssl" | "boringssl" | "deno";

interface RuntimeFacts {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly features: object;
}

/** The library of this process. */
export const cryptoLibrary: CryptoLibrary = cryptoLibraryOf(process);

/** The library of a runtime that says this of itself. */
export function cryptoLibraryOf({ versions, features }: RuntimeFacts): CryptoLibrary {
  // Deno says that its is BoringSSL, too.
  if (versions.deno !== undefined) return "deno";
  const { openssl_is_boringssl: isBoringSsl } = features as { readonly openssl_is_boringssl?: boolean };
  return isBoringSsl === true ? "boringssl" : "openssl";
}

/** Whether this is Bun. */
export const isBun: boolean = process.versions.bun !== undefined;
