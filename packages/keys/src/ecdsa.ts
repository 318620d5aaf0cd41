import { bigIntToBytes, bytesToBigInt, type RandomSource } from "@nacre/wire";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import {
  type EcdsaCurve,
  type EcdsaValues,
  ecdsaPrivateKeyWith,
  nistCurves,
  readEcdsaPoint,
  readEcdsaScalars,
} from "./ecdsa-format.ts";
import { type KeyMaker, type PrivateKey, type SignatureAlgorithm, VALID } from "./key.ts";
import { readSignature } from "./signature.ts";

/** ECDSA on P-256 with SHA-256 (RFC 5656 §3, §6.2.1). */
export const ecdsaNistp256: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("nistp256");
/** ECDSA on P-384 with SHA-384 (RFC 5656 §3, §6.2.1). */
export const ecdsaNistp384: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("nistp384");
/** ECDSA on P-521 with SHA-512 (RFC 5656 §3, §6.2.1). */
export const ecdsaNistp521: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("nistp521");

/**
 * Builds a private key from its scalar `d`, 0 < d < order of the curve. Its signatures use deterministic nonces (RFC 6979).
 * Throws `key-malformed` if `d` is out of range or `publicPoint` does not match it.
 */
export function ecdsaPrivateKey(name: EcdsaCurve, d: bigint, publicPoint?: Uint8Array): PrivateKey {
  const curve = curveOf(name);
  return ecdsaPrivateKeyWith(
    name,
    { format: `ecdsa-sha2-${name}`, d, publicPoint },
    (secret) => curve.getPublicKey(secret, false),
    () => {
      const secret = bigIntToBytes(d, nistCurves[name].size);
      return (_algorithm, data) => curve.sign(data, secret, /* rule: deterministic-nonce */ { lowS: false });
    },
  );
}

/** Makes keys on P-256 from their values. */
export const ecdsaNistp256Maker: KeyMaker<EcdsaValues> = /* @__PURE__ */ keyMaker("nistp256");
/** Makes keys on P-384 from their values. */
export const ecdsaNistp384Maker: KeyMaker<EcdsaValues> = /* @__PURE__ */ keyMaker("nistp384");
/** Makes keys on P-521 from their values. */
export const ecdsaNistp521Maker: KeyMaker<EcdsaValues> = /* @__PURE__ */ keyMaker("nistp521");

function keyMaker(curve: EcdsaCurve): KeyMaker<EcdsaValues> {
  return { name: `ecdsa-sha2-${curve}`, make: ({ d, publicPoint }) => ecdsaPrivateKey(curve, d, publicPoint) };
}

/** Generates a private key on the named curve. Takes 1.5 times as many random bits as the order has, to avoid bias (FIPS 186-5 §A.2.1). */
export function generateEcdsa(name: EcdsaCurve, random: RandomSource): PrivateKey {
  const curve = curveOf(name);
  return ecdsaPrivateKey(name, bytesToBigInt(curve.utils.randomSecretKey(random(curve.lengths.seed!))));
}

function curveOf(name: EcdsaCurve): typeof p256 {
  switch (name) {
    case "nistp256":
      return p256;
    case "nistp384":
      return p384;
    case "nistp521":
      return p521;
  }
}

function signatureAlgorithm(curveName: EcdsaCurve): SignatureAlgorithm {
  const name = `ecdsa-sha2-${curveName}`;
  return {
    name,
    signatureName: name,
    keyFormat: name,
    verify(publicKey, data, signature) {
      const { order, size } = nistCurves[curveName];
      const point = readEcdsaPoint(curveName, publicKey);
      const blob = readSignature(name, signature);
      const rs = blob && readEcdsaScalars(blob, order, size);
      // Half of all signatures have a high s, and SSH does not forbid it.
      const isValid = rs && curveOf(curveName).verify(rs, data, point, /* rule: high-s */ { lowS: false });
      return isValid === true ? VALID : undefined;
    },
  };
}
