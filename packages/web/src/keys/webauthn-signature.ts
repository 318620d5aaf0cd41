import { type Bytes, SshError, utf8Decode, Writer } from "@nacre/wire";
import { base64urlEncode } from "./base64url.ts";
import { WEBAUTHN_ALGORITHM } from "./passkey-public-key.ts";

/** Response of an authenticator to a challenge (WebAuthn §5.2.2). */
export interface Assertion {
  readonly authenticatorData: Uint8Array;
  readonly clientDataJSON: Uint8Array;
  /** ECDSA-Sig-Value in DER. */
  readonly signature: Uint8Array;
}

/** Offsets of the flags, the counter and the extensions in authenticator data (WebAuthn §6.1). */
const FLAGS = 32;
const COUNTER = 33;
const EXTENSIONS = 37;

/**
 * Converts an assertion over `challenge` to an SSH signature blob (OpenSSH PROTOCOL.u2f, "webauthn signatures"). Throws
 * `not-supported-here` if OpenSSH cannot verify the browser's data. Otherwise only the server's log would show the reason.
 */
export function webauthnSignature(challenge: Uint8Array, assertion: Assertion): Bytes {
  const { authenticatorData, clientDataJSON, signature } = assertion;
  if (authenticatorData.length < EXTENSIONS)
    throw unusable(`its authenticator data has ${authenticatorData.length} bytes, less than ${EXTENSIONS}`);
  return new Writer(512)
    .string(WEBAUTHN_ALGORITHM)
    .string(ecdsaSignature(signature))
    .byte(authenticatorData[FLAGS]!)
    .raw(authenticatorData.subarray(COUNTER, EXTENSIONS))
    .string(originOf(challenge, clientDataJSON))
    .string(clientDataJSON)
    .string(authenticatorData.subarray(EXTENSIONS))
    .finish();
}

/**
 * Returns the origin in the JSON. OpenSSH compares the prefix byte for byte: type, challenge and origin, in this order (WebAuthn §5.8.1.1).
 */
function originOf(challenge: Uint8Array, clientDataJSON: Uint8Array): string {
  const before = `{"type":"webauthn.get","challenge":"${base64urlEncode(challenge)}","origin":"`;
  const text = utf8Decode(clientDataJSON) ?? "";
  const end = text.indexOf('"', before.length);
  if (!text.startsWith(before) || end < 0)
    throw unusable("its clientDataJSON is not in the form that OpenSSH verifies");
  return text.slice(before.length, end);
}

/** Converts a DER signature to r and s of an SSH signature (RFC 5656 §3.1.2). A DER INTEGER and an mpint have the same contents. */
function ecdsaSignature(der: Uint8Array): Bytes {
  const rLength = der[3] ?? 0;
  const sLength = der[5 + rLength] ?? 0;
  const r = der.subarray(4, 4 + rLength);
  const s = der.subarray(6 + rLength);
  const isDer =
    der[0] === 0x30 &&
    der[1] === der.length - 2 &&
    der[2] === 0x02 &&
    der[4 + rLength] === 0x02 &&
    s.length === sLength &&
    isScalar(r) &&
    isScalar(s);
  if (!isDer) throw unusable("its signature is not one of ECDSA on P-256");
  return new Writer().string(r).string(s).finish();
}

/** Whether `bytes` is a positive INTEGER of at most 256 bits in its shortest form. */
function isScalar(bytes: Uint8Array): boolean {
  const [first = 0x80, second = 0] = bytes;
  return bytes.length <= 33 && first < 0x80 && (first !== 0 || second >= 0x80);
}

function unusable(reason: string): SshError {
  return new SshError(
    "not-supported-here",
    `this browser's passkey cannot be used for SSH: ${reason}; log in with another key`,
  );
}
