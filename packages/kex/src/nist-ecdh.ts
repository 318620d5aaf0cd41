import type { HashFunction } from "@nacre/kdf";
import { SshError } from "@nacre/wire";
import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import type { KexMethod } from "./method.ts";
import { ecdh } from "./two-strings.ts";

/** ECDH on P-256 with SHA-256 (RFC 5656 §4, §6.2.1). */
export const ecdhSha2Nistp256: KexMethod = /* @__PURE__ */ nistEcdh("nistp256", p256, (message) => sha256(message));

/** ECDH on P-384 with SHA-384 (RFC 5656 §4, §6.2.1). */
export const ecdhSha2Nistp384: KexMethod = /* @__PURE__ */ nistEcdh("nistp384", p384, (message) => sha384(message));

/** ECDH on P-521 with SHA-512 (RFC 5656 §4, §6.2.1). */
export const ecdhSha2Nistp521: KexMethod = /* @__PURE__ */ nistEcdh("nistp521", p521, (message) => sha512(message));

function nistEcdh(curveName: string, curve: ECDSA, hash: HashFunction): KexMethod {
  return ecdh(`ecdh-sha2-${curveName}`, hash, (random) => {
    const secretKey = curve.utils.randomSecretKey(random(curve.lengths.seed!));
    return {
      publicKey: curve.getPublicKey(secretKey, false),
      agree: (publicKey) => agree(curveName, curve, secretKey, publicKey),
    };
  });
}

/** The x-coordinate of the common point, for a peer's point that is valid (RFC 5656 §4, SEC 1 §3.2.2). The curves have no small subgroups. */
function agree(curveName: string, curve: ECDSA, secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const expected = curve.lengths.publicKeyUncompressed!;
  if (publicKey.length !== expected || publicKey[0] !== 0x04) {
    throw new SshError(
      "kex-failed",
      `the peer's ${curveName} value is no uncompressed point: it has ${publicKey.length} bytes and begins with ${publicKey[0] ?? "none"}, where a point has ${expected} and begins with 4`,
    );
  }
  try {
    return curve.getSharedSecret(secretKey, publicKey).subarray(1);
  } catch {
    throw new SshError("kex-failed", `the peer's ${curveName} value is not on the curve`);
  }
}
