import type { Certificate, CertificateType } from "./certificate.ts";

/** The use that a certificate must permit. */
export interface CertificateUse {
  readonly type: CertificateType;
  /** The time, in seconds since 1970. */
  readonly now: bigint;
  /**
   * Names of the signature algorithms that authorities may use (CASignatureAlgorithms), such as `"rsa-sha2-512"`. Default: all that were
   * verified.
   */
  readonly authorityAlgorithms?: readonly string[] | undefined;
  /** Returns whether a principal fits the user or host. */
  readonly isPrincipal: (principal: string) => boolean;
  /** Names of the critical options that the caller obeys. */
  readonly criticalOptions: readonly string[];
}

/** Why a certificate is not good for a use. */
export type CertificateProblem =
  /** It is for a host, but a user presents it, or the reverse. */
  | { readonly reason: "type" }
  /** Its authority signed with an algorithm that is not accepted. */
  | { readonly reason: "authority-algorithm"; readonly name: string }
  /** `at`: the second from which it is valid, since 1970. */
  | { readonly reason: "not-yet-valid"; readonly at: bigint }
  /** `at`: the first second at which it is not valid any more. */
  | { readonly reason: "expired"; readonly at: bigint }
  /** None of its principals fits. Without any, none does. */
  | { readonly reason: "principal" }
  /** It demands something that the caller does not know. */
  | { readonly reason: "critical-option"; readonly name: string };

/**
 * Returns the first reason why a certificate is not good for a use, or `undefined` if it is. Whether its authority is trusted, and whether
 * it is revoked, the caller knows.
 */
export function certificateProblem(certificate: Certificate, use: CertificateUse): CertificateProblem | undefined {
  const { signatureAlgorithm, isVerified, validAfter, validBefore, principals, criticalOptions } = certificate;
  // rule: certificate-use
  if (certificate.type !== use.type) return { reason: "type" };
  // rule: certificate-authority-algorithm
  if (!isVerified || use.authorityAlgorithms?.includes(signatureAlgorithm) === false)
    return { reason: "authority-algorithm", name: signatureAlgorithm };
  // rule: certificate-begin
  if (use.now < validAfter) return { reason: "not-yet-valid", at: validAfter };
  // rule: certificate-expiry
  if (use.now >= validBefore) return { reason: "expired", at: validBefore };
  // rule: certificate-principal
  if (!principals.some((principal) => use.isPrincipal(principal))) return { reason: "principal" };
  const unknown = [...criticalOptions.keys()].find((name) => !use.criticalOptions.includes(name));
  // rule: certificate-critical
  return unknown === undefined ? undefined : { reason: "critical-option", name: unknown };
}
