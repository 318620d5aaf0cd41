import { type Certificate, certifiedPrivateKey, type PrivateKey } from "@nacre/keys/internal";
import { equalBytes } from "@nacre/wire";
import { checkKey, isBytes, usage } from "../../check.ts";
import type { LoginOptions, RemoteIdentity } from "./options.ts";

/** A certificate, and the key to log in with it. */
export interface CertifiedIdentity {
  /** Certificate of a user, from `parseCertificate` of `@nacre/keys`. */
  readonly certificate: Certificate;
  /** Its private key: one in memory or elsewhere. */
  readonly key: PrivateKey | RemoteIdentity;
}

/** A login key: one that signs in memory or elsewhere, or such a key with its certificate. */
export type LoginIdentity = PrivateKey | RemoteIdentity | CertifiedIdentity;

/** Options of `connect` whose identities are keys alone. */
export type WithKeys<Options> = Omit<Options, "identities"> & Pick<LoginOptions, "identities">;

/**
 * Returns options of `connect` with each `{ certificate, key }` replaced by a key that presents the certificate. Throws `usage` unless the
 * certificate is a user's and of that key.
 */
export function withCertificates<Options extends { readonly identities?: readonly LoginIdentity[] | undefined }>(
  options: Options,
): WithKeys<Options> {
  const { identities } = options;
  // The check of the options rejects other values.
  if (!Array.isArray(identities)) return options as WithKeys<Options>;
  return { ...options, identities: identities.map(presented) };
}

function presented(identity: LoginIdentity): PrivateKey | RemoteIdentity {
  if (!isCertifiedIdentity(identity)) return identity;
  checkCertifiedIdentity(identity);
  const { key, certificate } = identity;
  // rule: own-user-certificate
  if (certificate.type !== "user") throw usage("the `certificate` of an identity is for a host, not for a user");
  if (!equalBytes(key.publicKey.blob, certificate.publicKey.blob))
    throw usage("the `certificate` of an identity is not that of its `key`");
  return certifiedPrivateKey(key, certificate);
}

/** Returns whether an identity has a certificate beside its key. */
export function isCertifiedIdentity(identity: unknown): identity is CertifiedIdentity {
  return typeof identity === "object" && identity !== null && "certificate" in identity && "key" in identity;
}

/** Throws `usage` unless the key can sign and the certificate is parsed. Whether it is that of the key is not checked. */
export function checkCertifiedIdentity({ key, certificate }: CertifiedIdentity): void {
  checkKey(key, "the `key` of an identity");
  if (
    !isBytes((certificate as Partial<Certificate> | undefined)?.publicKey?.blob) ||
    typeof certificate.type !== "string"
  )
    throw usage("the `certificate` of an identity must be parsed; use `parseCertificate`");
}
