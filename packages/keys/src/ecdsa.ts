import {
  bigIntToBytes,
  bytesToBigInt,
  concatBytes,
  copyBytes,
  equalBytes,
  type RandomSource,
  Reader,
  SshError,
  Writer,
} from "@nacre/wire";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { keyReader, noSuchAlgorithm } from "./blob.ts";
import type { PrivateKey, PrivateKeyFields, PublicKey, SignatureAlgorithm } from "./key.ts";
import { readSignature, wellFormed, writeSignature } from "./signature.ts";

/** A NIST curve by its SSH name (RFC 5656 §10.1). */
export type EcdsaCurve = Extract<PrivateKeyFields, { format: "ecdsa" }>["curve"];

/** ECDSA on P-256 with SHA-256 (RFC 5656 §3, §6.2.1). */
export const ecdsaNistp256: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("nistp256");
/** ECDSA on P-384 with SHA-384 (RFC 5656 §3, §6.2.1). */
export const ecdsaNistp384: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("nistp384");
/** ECDSA on P-521 with SHA-512 (RFC 5656 §3, §6.2.1). */
export const ecdsaNistp521: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("nistp521");

/** A public key on the named curve from its blob, which is copied (RFC 5656 §3.1). Throws `key-malformed`. */
export function ecdsaPublicKey(name: EcdsaCurve, blob: Uint8Array): PublicKey {
  readPoint(name, blob);
  const { bits, algorithm } = curveOf(name);
  return { format: algorithm.keyFormat, blob: copyBytes(blob), bits, algorithms: [algorithm] };
}

/**
 * A private key from its scalar `d`, 0 < d < the order of the curve. Its signatures have deterministic nonces (RFC 6979).
 * Throws `key-malformed`.
 */
export function ecdsaPrivateKey(name: EcdsaCurve, d: bigint): PrivateKey {
  const { curve, algorithm } = curveOf(name);
  const format = algorithm.keyFormat;
  if (d <= 0n || d >= curve.Point.Fn.ORDER)
    throw new SshError("key-malformed", `${format} private key: its scalar is outside the order of the curve`);
  const size = curve.lengths.secretKey!;
  const secret = bigIntToBytes(d, size);
  const publicPoint = curve.getPublicKey(secret, false);
  return {
    publicKey: ecdsaPublicKey(name, new Writer().string(format).string(name).string(publicPoint).finish()),
    fields: { format: "ecdsa", curve: name, d, publicPoint },
    sign(algorithm, data) {
      if (algorithm !== format) throw noSuchAlgorithm(format, algorithm);
      const signature = curve.sign(data, secret, { lowS: false });
      return writeSignature(
        format,
        new Writer().mpintBytes(signature.subarray(0, size)).mpintBytes(signature.subarray(size)).finish(),
      );
    },
  };
}

/** A private key whose public point is known as well, which must be the scalar's. Throws `key-malformed`. */
export function ecdsaPrivateKeyFromFields(fields: Extract<PrivateKeyFields, { format: "ecdsa" }>): PrivateKey {
  const key = ecdsaPrivateKey(fields.curve, fields.d);
  const { fields: own } = key;
  if (own.format !== "ecdsa" || !equalBytes(own.publicPoint, fields.publicPoint))
    throw new SshError("key-malformed", `${key.publicKey.format} private key: its public point belongs to another key`);
  return key;
}

/** A new private key on the named curve, from half as many random bits more than its order has (FIPS 186-5 §A.2.1). */
export function generateEcdsa(name: EcdsaCurve, random: RandomSource): PrivateKey {
  const { curve } = curveOf(name);
  return ecdsaPrivateKey(name, bytesToBigInt(curve.utils.randomSecretKey(random(curve.lengths.seed!))));
}

function curveOf(name: EcdsaCurve): {
  readonly curve: typeof p256;
  readonly bits: number;
  readonly algorithm: SignatureAlgorithm;
} {
  switch (name) {
    case "nistp256":
      return { curve: p256, bits: 256, algorithm: ecdsaNistp256 };
    case "nistp384":
      return { curve: p384, bits: 384, algorithm: ecdsaNistp384 };
    case "nistp521":
      return { curve: p521, bits: 521, algorithm: ecdsaNistp521 };
  }
}

function signatureAlgorithm(curveName: EcdsaCurve): SignatureAlgorithm {
  const name = `ecdsa-sha2-${curveName}`;
  return {
    name,
    keyFormat: name,
    verify(publicKey, data, signature) {
      const { curve } = curveOf(curveName);
      const point = readPoint(curveName, publicKey);
      const blob = readSignature(name, signature);
      const rs = blob && readEcdsaScalars(blob, curve.Point.Fn.ORDER, curve.lengths.secretKey!);
      // Half of all signatures have a high s; SSH has no rule against them.
      return rs !== undefined && curve.verify(rs, data, point, { lowS: false });
    },
  };
}

/** r and s, each of `size` bytes; `undefined` unless both are in 1…order−1 (RFC 5656 §3.1.2). */
export function readEcdsaScalars(blob: Uint8Array, order: bigint, size: number): Uint8Array | undefined {
  // A blob longer than two such integers can be is not turned into numbers, whose cost would grow with its length.
  if (blob.length > 2 * (4 + 1 + size)) return undefined;
  return wellFormed(() => {
    const reader = new Reader(blob, "ECDSA signature");
    const r = reader.mpint("r");
    const s = reader.mpint("s");
    reader.end();
    const inRange = r > 0n && r < order && s > 0n && s < order;
    return inRange ? concatBytes(bigIntToBytes(r, size), bigIntToBytes(s, size)) : undefined;
  });
}

/** The public point: uncompressed, on the curve that the format's name and the blob both name, and not at infinity. */
function readPoint(name: EcdsaCurve, blob: Uint8Array): Uint8Array {
  const { curve, algorithm } = curveOf(name);
  const reader = keyReader(blob, algorithm.keyFormat);
  const inner = reader.name("curve");
  if (inner !== name) reader.fail("curve", `is ${inner.slice(0, 64)}, not ${name}`);
  const point = reader.string("public point");
  reader.end();
  if (!curve.utils.isValidPublicKey(point, false)) reader.fail("public point", `is no uncompressed point of ${name}`);
  return point;
}
