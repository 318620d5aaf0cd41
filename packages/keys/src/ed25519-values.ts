import { bytesToBigInt, copyBytes, equalBytes, SshError, Writer } from "@nacre/wire";
import { keyReader } from "./blob.ts";
import type { Ed25519Fields, PrivateKey, PrivateKeyValues, PublicKey } from "./key.ts";
import { modPow } from "./modular.ts";
import { privateKeyOf, type Sign } from "./private-key.ts";

/** Of keys, signatures and the algorithm (RFC 8709 §3, §4, §6). */
export const ED25519 = "ssh-ed25519";

/** A public key from its blob, which is copied (RFC 8709 §4). Throws `key-malformed` or `key-weak`. */
export function ed25519PublicKey(blob: Uint8Array): PublicKey {
  readEd25519Point(blob);
  return { format: ED25519, blob: copyBytes(blob), bits: 256, algorithms: [{ name: ED25519 }] };
}

/**
 * A private key from its seed: 32 bytes, which are copied (RFC 8032 §5.1.5). The arithmetic is the caller's. Throws `key-malformed` for a
 * seed of another length, or another key's.
 */
export function ed25519PrivateKeyWith(
  { seed, publicKey }: Extract<PrivateKeyValues, { format: "ssh-ed25519" }>,
  publicPoint: (seed: Uint8Array) => Uint8Array,
  signing: (fields: Ed25519Fields) => Sign,
): PrivateKey {
  if (seed.length !== 32) throw new SshError("key-malformed", `an Ed25519 seed has 32 bytes, not ${seed.length}`);
  const secret = copyBytes(seed);
  const point = publicPoint(secret);
  if (publicKey !== undefined && !equalBytes(publicKey, point))
    throw new SshError("key-malformed", `${ED25519} private key: its public key belongs to another seed`);
  const fields = { format: ED25519, seed: secret, publicKey: point } as const;
  const blob = new Writer().string(ED25519).string(point).finish();
  return privateKeyOf(ed25519PublicKey(blob), fields, signing(fields));
}

/** The point of a public key: 32 bytes, in the one encoding that RFC 8032 §5.1.3 allows, and not of small order. */
export function readEd25519Point(blob: Uint8Array): Uint8Array {
  return readPoint(blob, isOnCurve);
}

/**
 * Throws what `ed25519PublicKey` does, but does not look whether the point is on the curve: for those whose verification finds no
 * signature good under another. It would take twice as long as OpenSSL's whole verification.
 */
export function checkEd25519Key(blob: Uint8Array): void {
  readPoint(blob, (y) => y < P);
}

function readPoint(blob: Uint8Array, isPoint: (y: bigint, isNegative: boolean) => boolean): Uint8Array {
  const reader = keyReader(blob, ED25519);
  const point = reader.string("public key");
  if (point.length !== 32) reader.fail("public key", `has ${point.length} bytes, not 32`);
  reader.end();
  const isNegative = point[31]! >= 0x80;
  const y = bytesToBigInt(point.toReversed()) & ((1n << 255n) - 1n);
  if (!isPoint(y, isNegative)) reader.fail("public key", "is no point of the curve");
  if (isSmallOrder(y))
    throw new SshError("key-weak", `${ED25519} key: its point is of small order, so that anybody could sign for it`);
  return point;
}

/** The curve is −x² + y² = 1 + d·x²·y² modulo p (RFC 8032 §5.1). */
const P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffedn;
const D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;
const Y_OF_ORDER_8 = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** Of the eight points whose order divides 8 one has y = 1, one y = −1, two y = 0, and four the ordinate of order 8 or its negative. */
function isSmallOrder(y: bigint): boolean {
  return [0n, 1n, Y_OF_ORDER_8].some((one) => y === one || y === P - one);
}

/** RFC 8032 §5.1.3: y is reduced, x² = (y² − 1) / (d·y² + 1) is a square, and an x of 0 is not negative. */
function isOnCurve(y: bigint, isNegative: boolean): boolean {
  if (y >= P) return false;
  const square = (y * y) % P;
  const numerator = (square + P - 1n) % P;
  if (numerator === 0n) return !isNegative;
  // Whether u/v is a square, which u·v then is too: Euler's criterion. v is never 0, for −1/d is no square.
  return modPow((numerator * (D * square + 1n)) % P, (P - 1n) / 2n, P) === 1n;
}
