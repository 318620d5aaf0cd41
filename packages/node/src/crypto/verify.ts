import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  checkEd25519Key,
  type EcdsaCurve,
  ecdsaNistp256Format,
  ecdsaNistp384Format,
  ecdsaNistp521Format,
  ed25519Format,
  formatName,
  type KeyBounds,
  type KeyFormat,
  publicJwk,
  readEcdsaScalars,
  readSignature,
  rsaFormat,
  type SignatureAlgorithm,
  securityKeyAlgorithm,
  skEcdsaNistp256Format,
  skEd25519Format,
  VALID,
  webauthnAlgorithm,
} from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { base64url } from "./bytes.ts";
import { nistCurves } from "./curves.ts";
import { derOfScalars } from "./ecdsa-der.ts";
import { named, portable } from "./portable.ts";

/** Length in bytes (RFC 8032 §5.1.6). */
const ED25519_SIGNATURE_LENGTH = 64;

const ed25519OfAnyPoint = onNode(
  ed25519Format.name,
  ed25519Format,
  checkEd25519Key,
  (key, data, blob) => blob.length === ED25519_SIGNATURE_LENGTH && verify(null, data, key, blob),
);
/**
 * ssh-ed25519 (RFC 8709 §6), on node:crypto. Checks the equation of RFC 8032 §5.1.7 without the factor 8, like OpenSSH. Only
 * the owner of the key can create a signature that this check rejects and noble accepts.
 */
export const ed25519: SignatureAlgorithm = {
  ...ed25519OfAnyPoint,
  verify(publicKey, data, signature) {
    const facts = ed25519OfAnyPoint.verify(publicKey, data, signature);
    // Throws if the point is not on the curve; such a key has no valid signatures.
    if (facts === undefined) ed25519Format.check(publicKey);
    return facts;
  },
};
/** ecdsa-sha2-nistp256 (RFC 5656 §3), on node:crypto. */
export const ecdsaNistp256: SignatureAlgorithm = ecdsa("sha256", "nistp256", ecdsaNistp256Format);
/** ecdsa-sha2-nistp384 (RFC 5656 §3), on node:crypto. */
export const ecdsaNistp384: SignatureAlgorithm = ecdsa("sha384", "nistp384", ecdsaNistp384Format);
/** ecdsa-sha2-nistp521 (RFC 5656 §3), on node:crypto. */
export const ecdsaNistp521: SignatureAlgorithm = ecdsa("sha512", "nistp521", ecdsaNistp521Format);
/** rsa-sha2-256 (RFC 8332 §3), on node:crypto. */
export const rsaSha2_256: SignatureAlgorithm = rsa("rsa-sha2-256", "sha256");
/** rsa-sha2-512 (RFC 8332 §3), on node:crypto. */
export const rsaSha2_512: SignatureAlgorithm = rsa("rsa-sha2-512", "sha512");

const sha256 = (data: Uint8Array): Uint8Array => createHash("sha256").update(data).digest();
/** sk-ssh-ed25519@openssh.com (OpenSSH PROTOCOL.u2f), on node:crypto. */
export const skEd25519: SignatureAlgorithm = securityKeyAlgorithm(
  skEd25519Format,
  { format: ed25519Format, algorithm: ed25519 },
  sha256,
);
/** sk-ecdsa-sha2-nistp256@openssh.com (OpenSSH PROTOCOL.u2f), on node:crypto. */
export const skEcdsaNistp256: SignatureAlgorithm = securityKeyAlgorithm(
  skEcdsaNistp256Format,
  { format: ecdsaNistp256Format, algorithm: ecdsaNistp256 },
  sha256,
);
/** webauthn-sk-ecdsa-sha2-nistp256@openssh.com (OpenSSH PROTOCOL.u2f), on node:crypto. */
export const webauthnSkEcdsaNistp256: SignatureAlgorithm = webauthnAlgorithm(ecdsaNistp256, sha256);

/**
 * Returns a signature algorithm that computes on node:crypto, or on portable code if node:crypto lacks it. `@nacre/keys` validates keys and
 * signatures: `check` throws for an invalid key.
 */
function onNode<T>(
  name: string,
  keyFormat: KeyFormat,
  check: (publicKey: Uint8Array) => T,
  verifyBlob: (key: KeyObject, data: Uint8Array, blob: Uint8Array, checked: T) => boolean,
): SignatureAlgorithm {
  return {
    name,
    signatureName: name,
    keyFormat: keyFormat.name,
    verify(publicKey, data, signature) {
      const format = formatName(publicKey);
      if (format !== keyFormat.name)
        throw new SshError("key-malformed", `expected a key of format ${keyFormat.name}, got ${format}`);
      const checked = check(publicKey);
      const blob = readSignature(name, signature);
      // rule: unreadable-signature
      if (blob === undefined) return undefined;
      try {
        const key = createPublicKey({ key: publicJwk(publicKey, base64url), format: "jwk" });
        return verifyBlob(key, data, blob, checked) ? VALID : undefined;
      } catch {
        // Deno throws for an Ed25519 point that is not on the curve, and so does `check`.
        keyFormat.check(publicKey);
        const algorithm = named(portable("keys"), name) as SignatureAlgorithm;
        return algorithm.verify(publicKey, data, signature);
      }
    },
  };
}

function ecdsa(hash: string, curve: EcdsaCurve, format: KeyFormat): SignatureAlgorithm {
  const { size, order } = nistCurves[curve];
  return onNode(
    format.name,
    format,
    (blob) => format.check(blob),
    (key, data, blob) => {
      const scalars = readEcdsaScalars(blob, order, size);
      // rule: ecdsa-scalars
      return scalars !== undefined && verify(hash, data, key, derOfScalars(scalars));
    },
  );
}

function rsa(name: string, hash: string, bounds?: KeyBounds): SignatureAlgorithm {
  const algorithm = onNode(
    name,
    rsaFormat,
    (blob) => rsaFormat.check(blob, bounds),
    (key, data, blob, bits) => {
      const length = Math.ceil(bits / 8);
      // rule: rsa-signature-length
      if (blob.length > length) return false;
      // A signature may omit leading zeros (RFC 8332 §3), but OpenSSL requires them.
      const padded = new Uint8Array(length);
      padded.set(blob, length - blob.length);
      return verify(hash, data, key, padded);
    },
  );
  return { ...algorithm, withMinRsaBits: (bits) => rsa(name, hash, { minRsaBits: bits }) };
}
