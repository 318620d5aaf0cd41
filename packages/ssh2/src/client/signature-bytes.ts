import { isDer, sshFromDer } from "../keys/ecdsa-signature.ts";

/**
 * Returns the bytes of a signature as SSH sends them, without the algorithm's name. Agents of programs may return an ECDSA signature in
 * DER, as `sign` of a parsed key does; agents of the system return two SSH integers (RFC 5656 §3.1.2). Throws for malformed DER.
 */
export function signatureBytes(signature: Uint8Array, keyType: string): Uint8Array {
  if (!keyType.startsWith("ecdsa-sha2-") || !isDer(signature)) return signature;
  const bytes = sshFromDer(signature);
  if (bytes === undefined) throw new Error("Malformed agent response");
  return bytes;
}
