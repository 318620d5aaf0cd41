import { createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  ecdsaNistp256 as nobleEcdsaNistp256,
  ecdsaNistp384 as nobleEcdsaNistp384,
  ecdsaNistp521 as nobleEcdsaNistp521,
  ed25519 as nobleEd25519,
  rsaSha2_256 as nobleRsaSha2_256,
  rsaSha2_512 as nobleRsaSha2_512,
  parsePublicKey,
  readEcdsaScalars,
  readSignature,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { Reader, SshError } from "@nacre/wire";
import { nistCurves } from "./curves.ts";
import { publicJwk } from "./jwk.ts";

/**
 * ssh-ed25519 (RFC 8709 §6), on node:crypto. It tests the equation of RFC 8032 §5.1.7 without the factor 8, as OpenSSH does: that
 * differs from noble for signatures that only the key's owner can make.
 */
export const ed25519: SignatureAlgorithm = onNode(nobleEd25519, (key, data, blob) => verify(null, data, key, blob));
/** RFC 5656 §3, on node:crypto. */
export const ecdsaNistp256: SignatureAlgorithm = ecdsa(nobleEcdsaNistp256, "sha256", "nistp256");
/** RFC 5656 §3, on node:crypto. */
export const ecdsaNistp384: SignatureAlgorithm = ecdsa(nobleEcdsaNistp384, "sha384", "nistp384");
/** RFC 5656 §3, on node:crypto. */
export const ecdsaNistp521: SignatureAlgorithm = ecdsa(nobleEcdsaNistp521, "sha512", "nistp521");
/** RFC 8332 §3, on node:crypto. */
export const rsaSha2_256: SignatureAlgorithm = rsa(nobleRsaSha2_256, "sha256");
/** RFC 8332 §3, on node:crypto. */
export const rsaSha2_512: SignatureAlgorithm = rsa(nobleRsaSha2_512, "sha512");

/** The same algorithm with its arithmetic on node:crypto. What a key and a signature may be is decided by `@nacre/keys`. */
function onNode(
  { name, keyFormat }: SignatureAlgorithm,
  verifyBlob: (key: KeyObject, data: Uint8Array, blob: Uint8Array, bits: number) => boolean,
): SignatureAlgorithm {
  return {
    name,
    keyFormat,
    verify(publicKey, data, signature) {
      const format = new Reader(publicKey, "public key", { code: "key-malformed" }).name("format");
      if (format !== keyFormat)
        throw new SshError("key-malformed", `a key of format ${format} stands where ${keyFormat} should`);
      const { bits } = parsePublicKey(publicKey);
      const blob = readSignature(name, signature);
      if (blob === undefined) return false;
      return verifyBlob(createPublicKey({ key: publicJwk(publicKey), format: "jwk" }), data, blob, bits);
    },
  };
}

function ecdsa(algorithm: SignatureAlgorithm, hash: string, curve: keyof typeof nistCurves): SignatureAlgorithm {
  const { size, order } = nistCurves[curve];
  return onNode(algorithm, (key, data, blob) => {
    const scalars = readEcdsaScalars(blob, order, size);
    return scalars !== undefined && verify(hash, data, { key, dsaEncoding: "ieee-p1363" }, scalars);
  });
}

function rsa(algorithm: SignatureAlgorithm, hash: string): SignatureAlgorithm {
  return onNode(algorithm, (key, data, blob, bits) => {
    const length = Math.ceil(bits / 8);
    if (blob.length > length) return false;
    // RFC 8332 §3: leading zeros may have been left out; OpenSSL wants them.
    const padded = new Uint8Array(length);
    padded.set(blob, length - blob.length);
    return verify(hash, data, key, padded);
  });
}
