import {
  type Certificate,
  type HostCertificateProblem,
  type HostCertificateUse,
  hostCertificateProblem,
} from "@nacre/keys/internal";
import { escapeText } from "@nacre/wire";

/** Judges certificates of hosts by the authorities in known hosts. A value, so that a small bundle can do without. */
export interface HostCertificates {
  /** Returns why a certificate by a trusted authority does not count; `undefined` if it does. */
  problem(this: void, certificate: Certificate, use: HostCertificateUse): HostCertificateProblem | undefined;
  /** Returns a text to follow the fingerprint of a host key. */
  note(this: void, certificate: Certificate | undefined, problem: HostCertificateProblem | undefined): string;
}

/** Accepts the certificates of a host's authorities: `@cert-authority` lines of known_hosts. */
export const hostCertificates: HostCertificates = { problem: hostCertificateProblem, note: certificateNote };

/** Returns a text to follow the fingerprint of a host key: why its certificate, if any, did not count. Escapes the certificate's texts. */
export function certificateNote(
  certificate: Certificate | undefined,
  problem: HostCertificateProblem | undefined,
): string {
  if (certificate === undefined || problem === undefined) return "";
  return ` (the certificate ${describeProblem(problem, certificate)})`;
}

function describeProblem(problem: HostCertificateProblem, certificate: Certificate): string {
  switch (problem.reason) {
    case "authority":
      return "is by an authority that is not known for this host";
    case "type":
      return "is for users, not for hosts";
    case "authority-algorithm":
      return `is signed with ${escapeText(problem.name)}, which is not accepted`;
    case "not-yet-valid":
      return `is not valid before ${dateOf(problem.at)}`;
    case "expired":
      return `expired on ${dateOf(problem.at)}`;
    case "principal": {
      const names = certificate.principals.slice(0, MAX_NAMES).map((name) => escapeText(name.slice(0, MAX_NAME)));
      const more = certificate.principals.length - names.length;
      return `is for ${names.join(", ") || "no host"}${more > 0 ? ` and ${more} more` : ""}`;
    }
    case "critical-option":
      return `demands the unknown option ${escapeText(problem.name.slice(0, MAX_NAME))}`;
  }
}

/** Names of a certificate in a message, and characters of each. */
const MAX_NAMES = 5;
const MAX_NAME = 100;

/** Last second that JavaScript has a date for. */
const LAST_DATE = 8_640_000_000_000n;

function dateOf(second: bigint): string {
  if (second > LAST_DATE) return `second ${second} since 1970`;
  return new Date(Number(second) * 1000).toISOString().replace(".000Z", "Z");
}
