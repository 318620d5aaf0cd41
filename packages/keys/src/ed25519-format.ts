import { bytesToBigInt, concatBytes, copyBytes, equalBytes, SshError, Writer } from "@nacre/wire";
import type { PrivateKey, PrivateKeyFields, SignatureNames } from "./key.ts";
import { type KeyFormat, keyReader, publicKeyOf } from "./key-format.ts";
import { modPow } from "./modular.ts";
import { privateKeyOf, type Sign } from "./private-key.ts";

/** Name of the key format, the signature format and the algorithm (RFC 8709 §3, §4, §6). */
export const ED25519 = "ssh-ed25519";
const BITS = 256;
/** Apart from the format, so that a bundle that only signs does not carry the format's checks. */
const ALGORITHMS: readonly SignatureNames[] = [{ name: ED25519, signatureName: ED25519 }];

/** Private values of an Ed25519 key, as a file has them (RFC 8032 §5.1.5). Some formats omit the public key. Secret: never log them. */
export interface Ed25519Values extends PrivateKeyFields {
  readonly format: typeof ED25519;
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey?: Uint8Array | undefined;
}

/** Private values of an Ed25519 key. Secret: never log them. */
export interface Ed25519Fields extends Ed25519Values {
  readonly publicKey: Uint8Array;
}

/** Ed25519 keys (RFC 8709 §4). */
export const ed25519Format: KeyFormat<Ed25519Fields> = {
  name: ED25519,
  label: "ED25519",
  sshfp: 4,
  algorithms: ALGORITHMS,
  publicFields: [32],
  check(blob) {
    readPoint(blob, isOnCurve);
    return BITS;
  },
  secret: {
    read(reader, certificate) {
      const publicKey = reader.string("public key");
      const both = reader.string("private key");
      if (both.length !== 64 || !equalBytes(both.subarray(32), publicKey))
        reader.fail("private key", "is not a seed of 32 bytes and the public key");
      // rule: agent-certified-key
      if (certificate !== undefined && !equalBytes(certificate.string("public key"), publicKey))
        certificate.fail("public key", "is not that of the private key");
      return { format: ED25519, seed: both.subarray(0, 32), publicKey };
    },
    write: (writer, { seed, publicKey }) => void writer.string(publicKey).string(concatBytes(seed, publicKey)),
  },
};

/**
 * Builds a private key from its seed of 32 bytes, which is copied (RFC 8032 §5.1.5). The caller supplies the arithmetic. Throws
 * `key-malformed` if the seed has another length or does not match `publicKey`.
 */
export function ed25519PrivateKeyWith(
  { seed, publicKey }: Ed25519Values,
  publicPoint: (seed: Uint8Array) => Uint8Array,
  signing: (fields: Ed25519Fields) => Sign,
): PrivateKey {
  if (seed.length !== 32) throw new SshError("key-malformed", `Ed25519 seed has ${seed.length} bytes, expected 32`);
  const secret = copyBytes(seed);
  const point = publicPoint(secret);
  if (publicKey !== undefined && !equalBytes(publicKey, point))
    throw new SshError("key-malformed", `${ED25519} private key: public key does not match the seed`);
  const fields = { format: ED25519, seed: secret, publicKey: point } as const;
  const blob = new Writer().string(ED25519).string(point).finish();
  return privateKeyOf(publicKeyOf({ name: ED25519, algorithms: ALGORITHMS }, blob, BITS), fields, signing(fields));
}

/**
 * Returns the 32-byte point of a public key blob. Throws `key-malformed` unless `isPoint` accepts it as the canonical encoding of a point
 * on the curve (RFC 8032 §5.1.3), and `key-weak` for a point of small order.
 */
export function readEd25519Point(blob: Uint8Array, isPoint: (point: Uint8Array) => boolean): Uint8Array {
  return readPoint(blob, (_y, _isNegative, point) => isPoint(point));
}

/**
 * Checks a public key like `ed25519Format`, but not whether the point is on the curve. Use it only if the verification that follows
 * rejects every signature under an invalid point. The omitted check takes twice as long as a whole verification by OpenSSL.
 */
export function checkEd25519Key(blob: Uint8Array): void {
  readPoint(blob, (y) => y < P);
}

function readPoint(
  blob: Uint8Array,
  isPoint: (y: bigint, isNegative: boolean, point: Uint8Array) => boolean,
): Uint8Array {
  const reader = keyReader(blob, ED25519);
  const point = reader.string("public key");
  if (point.length !== 32) reader.fail("public key", `has ${point.length} bytes, expected 32`);
  reader.end();
  const isNegative = point[31]! >= 0x80;
  const y = bytesToBigInt(point.toReversed()) & ((1n << 255n) - 1n);
  if (!isPoint(y, isNegative, point)) reader.fail("public key", "is not a point on the curve");
  if (isSmallOrder(y))
    throw new SshError("key-weak", `${ED25519} key: point has small order, so anyone could forge signatures`);
  return point;
}

/** Parameters of the curve −x² + y² = 1 + d·x²·y² modulo p (RFC 8032 §5.1). */
const P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffedn;
const D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;
const Y_OF_ORDER_8 = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** Whether y belongs to one of the eight points of an order dividing 8: one has y = 1, one y = −1, two y = 0, four y = ±Y_OF_ORDER_8. */
function isSmallOrder(y: bigint): boolean {
  return [0n, 1n, Y_OF_ORDER_8].some((one) => y === one || y === P - one);
}

/**
 * Whether y and the sign of x encode a point on the curve (RFC 8032 §5.1.3). y must be reduced, x² = (y² − 1) / (d·y² + 1) a square, and
 * x = 0 not negative.
 */
function isOnCurve(y: bigint, isNegative: boolean): boolean {
  if (y >= P) return false;
  const square = (y * y) % P;
  const numerator = (square + P - 1n) % P;
  if (numerator === 0n) return !isNegative;
  // Euler's criterion on u·v, which is a square exactly if u/v is. v is never 0, since −1/d is not a square.
  return modPow((numerator * (D * square + 1n)) % P, (P - 1n) / 2n, P) === 1n;
}
