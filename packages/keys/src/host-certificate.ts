import { matchPattern } from "@nacre/wire";
import type { Certificate } from "./certificate.ts";
import { type CertificateProblem, certificateProblem } from "./certificate-check.ts";

/** Why a host's certificate is not accepted. The plain key in it is then checked instead. */
export type HostCertificateProblem =
  | CertificateProblem
  /** Its authority is not trusted for the host. */
  | { readonly reason: "authority" };

/** The host that a certificate must be for. */
export interface HostCertificateUse {
  /** Name or address of the host as the program gave it, or the name that takes its place. */
  readonly host: string;
  /** The time, in seconds since 1970. */
  readonly now: bigint;
  /** Names of the signature algorithms that authorities may use (ssh_config(5), CASignatureAlgorithms). Default: all but SHA-1. */
  readonly authorityAlgorithms?: readonly string[] | undefined;
}

/**
 * Returns why a certificate is not good for a host, or `undefined` if it is. The principals of a host's certificate are patterns, which the
 * name must match, without the port. Whether the authority is trusted for the host, and whether it or the key is revoked, the caller knows.
 */
export function hostCertificateProblem(
  certificate: Certificate,
  { host, now, authorityAlgorithms }: HostCertificateUse,
): CertificateProblem | undefined {
  const name = host.toLowerCase();
  return certificateProblem(certificate, {
    type: "host",
    now,
    authorityAlgorithms,
    // rule: host-certificate-name
    isPrincipal: (principal) => matchPattern(name, principal),
    // None is defined for hosts.
    // rule: host-certificate-critical
    criticalOptions: [],
  });
}
