import { Writer } from "@nacre/wire";

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * Returns the bytes of a signature as SSH sends them, without the algorithm's name. Agents of programs may return an ECDSA signature in
 * DER, as `sign` of a parsed key does; agents of the system return two SSH integers (RFC 5656 §3.1.2).
 */
export function signatureBytes(signature: Uint8Array, keyType: string): Uint8Array {
  if (!keyType.startsWith("ecdsa-sha2-") || signature[0] !== SEQUENCE) return signature;
  // Skips the length, which has one byte more for a P-521 key.
  const integers = signature.subarray(signature[1] === 0x81 ? 3 : 2);
  const lengthOfR = integerLength(integers);
  const rest = integers.subarray(2 + lengthOfR);
  const s = rest.subarray(2, 2 + integerLength(rest));
  return new Writer(256)
    .string(integers.subarray(2, 2 + lengthOfR))
    .string(s)
    .finish();
}

/** Returns the length of the integer that begins with these bytes. One of a signature has fewer than 128. */
function integerLength(bytes: Uint8Array): number {
  const [tag, length = 0] = bytes;
  if (tag !== INTEGER || length > 0x7f || bytes.length < 2 + length) throw new Error("Malformed agent response");
  return length;
}
