import {
  type Certificate,
  defaultKeyFormats,
  FOREVER,
  formatName,
  isCertified,
  readCertificate,
} from "@nacre/keys/internal";
import { base64Encode, SshError } from "@nacre/wire";

/**
 * Returns the fields of a certificate for the trace, with a space before them; `""` for a plain key. Options are named without their
 * values. The signature of the authority is not verified.
 */
export function describeCertificate(blob: Uint8Array): string {
  try {
    return isCertified(formatName(blob)) ? ` ${describeFields(readCertificate(blob, defaultKeyFormats, []))}` : "";
  } catch (error) {
    // The key exchange or the login fails with this error, too.
    if (error instanceof SshError) return ` (${error.message})`;
    throw error;
  }
}

function describeFields(certificate: Certificate): string {
  const { type, keyId, serial, principals, validAfter, validBefore, criticalOptions, extensions } = certificate;
  const { authority, signatureAlgorithm } = certificate;
  const before = validBefore === FOREVER ? "forever" : `before ${validBefore}`;
  return [
    `certificate "${keyId}" serial ${serial} of a ${type}`,
    `for ${principals.join() || "no name"}`,
    `valid from ${validAfter} ${before}`,
    `critical options ${[...criticalOptions.keys()].join() || "none"}`,
    `extensions ${[...extensions.keys()].join() || "none"}`,
    `signed with ${signatureAlgorithm} by ${authority.format} ${base64Encode(authority.blob)}`,
  ].join(", ");
}
