import { bigIntToBytes, bytesToBigInt, concatBytes, equalBytes, Reader, SshError, Writer } from "@nacre/wire";
import type { PrivateKey, PrivateKeyFields } from "./key.ts";
import { type KeyFormat, keyReader, publicKeyOf, readKeyInteger } from "./key-format.ts";
import { modPow } from "./modular.ts";
import { privateKeyOf, type Sign } from "./private-key.ts";
import { wellFormed } from "./signature.ts";

/** SSH name of a NIST curve (RFC 5656 §10.1). */
export type EcdsaCurve = "nistp256" | "nistp384" | "nistp521";
/** Name of the key format and the algorithm (RFC 5656 §3.1, §6.2). */
export type EcdsaName = `ecdsa-sha2-${EcdsaCurve}`;

/** Private values of an ECDSA key, as a file has them. Some formats omit the public point. Secret: never log them. */
export interface EcdsaValues extends PrivateKeyFields {
  readonly format: EcdsaName;
  readonly d: bigint;
  /** Uncompressed point. */
  readonly publicPoint?: Uint8Array | undefined;
}

/** Private values of an ECDSA key. Secret: never log them. */
export interface EcdsaFields extends EcdsaValues {
  readonly publicPoint: Uint8Array;
}

/** The curve y² = x³ − 3·x + b modulo p (SP 800-186 §3.2.1). The number of its points is the prime `order`. */
export interface NistCurve {
  /** Key size in bits, as `ssh-keygen -l` prints it. */
  readonly bits: number;
  /** Length of a coordinate and of a scalar in bytes. */
  readonly size: number;
  readonly p: bigint;
  readonly b: bigint;
  readonly order: bigint;
}

/** Parameters of the curves of ECDSA keys (RFC 5656 §10.1, SP 800-186 §3.2.1). */
export const nistCurves: Readonly<Record<EcdsaCurve, NistCurve>> = {
  nistp256: {
    bits: 256,
    size: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  nistp384: {
    bits: 384,
    size: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  nistp521: {
    bits: 521,
    size: 66,
    p: 0x1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffn,
    b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
};

/** ECDSA keys on P-256 (RFC 5656 §3.1). */
export const ecdsaNistp256Format: KeyFormat<EcdsaFields> = /* @__PURE__ */ ecdsaFormat("nistp256");
/** ECDSA keys on P-384 (RFC 5656 §3.1). */
export const ecdsaNistp384Format: KeyFormat<EcdsaFields> = /* @__PURE__ */ ecdsaFormat("nistp384");
/** ECDSA keys on P-521 (RFC 5656 §3.1). */
export const ecdsaNistp521Format: KeyFormat<EcdsaFields> = /* @__PURE__ */ ecdsaFormat("nistp521");

function ecdsaFormat(curve: EcdsaCurve): KeyFormat<EcdsaFields> {
  const name: EcdsaName = `ecdsa-sha2-${curve}`;
  const { bits, size } = nistCurves[curve];
  return {
    name,
    label: "ECDSA",
    sshfp: 3,
    algorithms: [{ name, signatureName: name }],
    publicFields: [curve.length, 1 + 2 * size],
    check(blob) {
      readEcdsaPoint(curve, blob);
      return bits;
    },
    secret: {
      read(reader, certificate = reader) {
        if (certificate.name("curve") !== curve) certificate.fail("curve", `is not ${curve}`);
        const publicPoint = certificate.string("public point");
        return { format: name, publicPoint, d: readKeyInteger(reader, "d") };
      },
      write(writer, { publicPoint, d }, hasCertificate) {
        if (!hasCertificate) writer.string(curve).string(publicPoint);
        writer.mpint(d);
      },
    },
  };
}

/**
 * Builds a private key from its scalar `d`, 0 < d < order of the curve. The caller supplies the arithmetic: `pointOf` returns an
 * uncompressed point, and the function from `signing` returns r followed by s, each as long as a scalar. Throws `key-malformed` if `d` is
 * out of range or `publicPoint` does not match it.
 */
export function ecdsaPrivateKeyWith(
  curve: EcdsaCurve,
  { d, publicPoint }: EcdsaValues,
  pointOf: (secret: Uint8Array) => Uint8Array,
  signing: (fields: EcdsaFields) => Sign,
): PrivateKey {
  const format: EcdsaName = `ecdsa-sha2-${curve}`;
  const { order, size, bits } = nistCurves[curve];
  if (d <= 0n || d >= order)
    throw new SshError("key-malformed", `${format} private key: scalar is zero, negative or not below the curve order`);
  const point = pointOf(bigIntToBytes(d, size));
  if (publicPoint !== undefined && !equalBytes(publicPoint, point))
    throw new SshError("key-malformed", `${format} private key: public point does not match the scalar`);
  const fields = { format, d, publicPoint: point };
  const sign = signing(fields);
  const blob = new Writer().string(format).string(curve).string(point).finish();
  const publicKey = publicKeyOf(ecdsaFormat(curve), blob, bits);
  return privateKeyOf(publicKey, fields, (algorithm, data, random) => {
    const scalars = sign(algorithm, data, random);
    return new Writer().mpintBytes(scalars.subarray(0, size)).mpintBytes(scalars.subarray(size)).finish();
  });
}

/** Returns the public point. Throws `key-malformed` unless it is uncompressed, on `curve`, and both names in the blob fit. */
export function readEcdsaPoint(curve: EcdsaCurve, blob: Uint8Array): Uint8Array {
  const reader = keyReader(blob, `ecdsa-sha2-${curve}`);
  const inner = reader.name("curve");
  // rule: curve-name-inside
  if (inner !== curve) reader.fail("curve", `is ${inner.slice(0, 64)}, expected ${curve}`);
  const point = reader.string("public point");
  reader.end();
  // rule: point-on-curve
  if (!isPoint(nistCurves[curve], point)) reader.fail("public point", `is not an uncompressed point on ${curve}`);
  return point;
}

/** Whether `point` is a valid uncompressed point (SEC 1 §2.3.4, §3.2.2.1). The curve order is prime, so every point generates the group. */
function isPoint({ size, p, b }: NistCurve, point: Uint8Array): boolean {
  if (point.length !== 1 + 2 * size || point[0] !== 0x04) return false;
  const x = bytesToBigInt(point.subarray(1, 1 + size));
  const y = bytesToBigInt(point.subarray(1 + size));
  return x < p && y < p && (x * x * x - 3n * x + b - y * y) % p === 0n;
}

/**
 * Returns a compressed point, the parity of y and then x, in its uncompressed form (SEC 1 §2.3.4). Other bytes are returned unchanged. The
 * result need not be on the curve: no point may have this x.
 */
export function uncompressedPoint(curve: EcdsaCurve, point: Uint8Array): Uint8Array {
  const { size, p, b } = nistCurves[curve];
  const [form] = point;
  if (point.length !== 1 + size || (form !== 0x02 && form !== 0x03)) return point;
  const x = bytesToBigInt(point.subarray(1));
  // The square root, as p is 3 modulo 4.
  const root = modPow(x * x * x - 3n * x + b, (p + 1n) / 4n, p);
  const y = Number(root & 1n) === form % 2 ? root : p - root;
  return concatBytes(Uint8Array.of(0x04), point.subarray(1), bigIntToBytes(y, size));
}

/** Returns r followed by s, each of `size` bytes; `undefined` unless both are in 1…order−1 (RFC 5656 §3.1.2). */
export function readEcdsaScalars(blob: Uint8Array, order: bigint, size: number): Uint8Array | undefined {
  // Reject by length first: converting an mpint to a BigInt takes time that grows with its length.
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
