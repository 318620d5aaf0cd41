import type { HashFunction } from "@nacre/kdf";
import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { nistPair } from "./checked.ts";
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
    return nistPair(curveName, curve.getPublicKey(secretKey, false), (peers) =>
      curve.getSharedSecret(secretKey, peers).subarray(1),
    );
  });
}
