import {
  bigIntToBytes,
  bytesToBigInt,
  concatBytes,
  copyBytes,
  equalBytes,
  type RandomSource,
  SshError,
  Writer,
} from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { keyReader, noSuchAlgorithm } from "./blob.ts";
import type { PrivateKey, PrivateKeyFields, PublicKey, SignatureAlgorithm } from "./key.ts";
import { bitLength, modInverse, modPow, randomBelow } from "./modular.ts";
import { readSignature, writeSignature } from "./signature.ts";

const FORMAT = "ssh-rsa";
/** Sizes of the modulus that are accepted, in bits. OpenSSH's own bounds by default are 1024 and 16384. */
const MIN_BITS = 2048;
const MAX_BITS = 16384;
/** FIPS 186-5 §A.1.1 bounds the public exponent so; without a bound it could make a verification take seconds. */
const MAX_EXPONENT_BITS = 256;

/** The private values of an RSA key. */
export type RsaFields = Extract<PrivateKeyFields, { format: "ssh-rsa" }>;

/** RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8332 §3). */
export const rsaSha2_256: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("rsa-sha2-256");
/** RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8332 §3). */
export const rsaSha2_512: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("rsa-sha2-512");

/**
 * A public key from its blob, which is copied (RFC 4253 §6.6). Throws `key-malformed`, or `key-weak` unless the modulus is odd and has 2048
 * to 16384 bits and the exponent is odd, at least 3 and below 2²⁵⁶.
 */
export function rsaPublicKey(blob: Uint8Array): PublicKey {
  return publicKeyOf(readNumbers(blob).n, copyBytes(blob));
}

/**
 * A private key from its values. Throws `key-weak` as {@link rsaPublicKey} does, and `key-malformed` when the values do not belong together
 * (n = p·q, e·d ≡ 1 modulo p−1 and q−1, iqmp·q ≡ 1 modulo p).
 */
export function rsaPrivateKey(fields: RsaFields): PrivateKey {
  const { n, e, d, p, q, iqmp } = fields;
  checkPublic(n, e);
  const inRange = [p, q, d, iqmp].every((value) => value > 0n && value < n);
  const consistent =
    inRange && p > 1n && q > 1n && p !== q && p * q === n && (e * d) % (p - 1n) === 1n && (e * d) % (q - 1n) === 1n;
  if (!consistent || iqmp >= p || (iqmp * q) % p !== 1n)
    throw new SshError("key-malformed", "RSA private key: its values do not belong together");
  return privateKeyOf(fields);
}

/** A key whose values are known to be right. */
export function privateKeyOf(fields: RsaFields): PrivateKey {
  const { n, e, d, p, q } = fields;
  const dp = d % (p - 1n);
  const dq = d % (q - 1n);
  return {
    publicKey: publicKeyOf(n, new Writer().string(FORMAT).mpint(e).mpint(n).finish()),
    fields,
    sign(algorithm, data, random) {
      if (!isRsaAlgorithm(algorithm)) throw noSuchAlgorithm(FORMAT, algorithm);
      const length = Math.ceil(bitLength(n) / 8);
      const message = bytesToBigInt(encodeMessage(algorithm, data, length));
      const signature = privateOperation({ ...fields, dp, dq }, message, random);
      return writeSignature(algorithm, bigIntToBytes(signature, length));
    },
  };
}

function publicKeyOf(n: bigint, blob: Uint8Array): PublicKey {
  return { format: FORMAT, blob, bits: bitLength(n), algorithms: [rsaSha2_512, rsaSha2_256] };
}

/** message^d mod n (RFC 8017 §5.2.1), by the Chinese remainder theorem. */
function privateOperation(
  key: RsaFields & { readonly dp: bigint; readonly dq: bigint },
  message: bigint,
  random: RandomSource,
): bigint {
  const { n, e, p, q, dp, dq, iqmp } = key;
  // BigInt takes a time that depends on its operands: the exponentiations see a number that nobody else knows.
  const blind = 1n + randomBelow(n - 1n, random);
  const unblind = modInverse(blind, n);
  const blinded = (message * modPow(blind, e, n)) % n;

  const sp = modPow(blinded, dp, p);
  const sq = modPow(blinded, dq, q);
  const h = (iqmp * (sp + p - (sq % p))) % p;
  const signature = ((sq + h * q) * unblind) % n;

  // A fault in one half alone would give the factors away to whoever sees the signature (Boneh, DeMillo, Lipton 1997).
  if (modPow(signature, e, n) !== message)
    throw new SshError("internal", "an RSA signature came out wrong and was withheld");
  return signature;
}

type RsaAlgorithm = "rsa-sha2-256" | "rsa-sha2-512";

function isRsaAlgorithm(name: string): name is RsaAlgorithm {
  return name === "rsa-sha2-256" || name === "rsa-sha2-512";
}

function signatureAlgorithm(name: RsaAlgorithm): SignatureAlgorithm {
  return {
    name,
    keyFormat: FORMAT,
    verify(publicKey, data, signature) {
      const { n, e } = readNumbers(publicKey);
      const blob = readSignature(name, signature);
      const length = Math.ceil(bitLength(n) / 8);
      // RFC 8332 §3: the length is the modulus's, but signers exist that leave leading zeros out, and a verifier may accept that. OpenSSH does.
      if (blob === undefined || blob.length > length) return false;
      const s = bytesToBigInt(blob);
      if (s >= n) return false;
      // RFC 8017 §8.2.2: what was signed is built anew and compared as a whole. Nothing of the padding is parsed.
      return equalBytes(bigIntToBytes(modPow(s, e, n), length), encodeMessage(name, data, length));
    },
  };
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): `length` bytes. */
function encodeMessage(algorithm: RsaAlgorithm, data: Uint8Array, length: number): Uint8Array {
  const digest = algorithm === "rsa-sha2-256" ? sha256(data) : sha512(data);
  const size = digest.length;
  // The DER of a DigestInfo, whose object identifiers differ in the last number: 2.16.840.1.101.3.4.2.1 and .3 (RFC 8017 §9.2 note 1).
  const hash = algorithm === "rsa-sha2-256" ? 1 : 3;
  const info = [
    0x30,
    0x11 + size,
    0x30,
    0x0d,
    0x06,
    0x09,
    0x60,
    0x86,
    0x48,
    0x01,
    0x65,
    0x03,
    0x04,
    0x02,
    hash,
    0x05,
    0x00,
    0x04,
    size,
  ];
  const padding = new Uint8Array(length - 3 - info.length - size).fill(0xff);
  return concatBytes(Uint8Array.of(0, 1), padding, Uint8Array.of(0, ...info), digest);
}

function readNumbers(blob: Uint8Array): { readonly n: bigint; readonly e: bigint } {
  // The lengths are looked at first: turning a hostile megabyte into a number takes long.
  const lengths = keyReader(blob, FORMAT);
  if (lengths.string("e").length > MAX_EXPONENT_BITS / 8 + 1) throw exponentError();
  const length = lengths.string("n").length;
  if (length > MAX_BITS / 8 + 1) throw modulusError(`${length} bytes`);

  const reader = keyReader(blob, FORMAT);
  const e = reader.mpint("e");
  const n = reader.mpint("n");
  reader.end();
  if (e <= 0n) reader.fail("e", "is not positive");
  if (n <= 0n) reader.fail("n", "is not positive");
  checkPublic(n, e);
  return { n, e };
}

function checkPublic(n: bigint, e: bigint): void {
  const bits = bitLength(n);
  if (bits < MIN_BITS || bits > MAX_BITS) throw modulusError(`${bits} bits`);
  if (n % 2n === 0n) throw new SshError("key-weak", "RSA key: its modulus is even");
  if (e < 3n || e % 2n === 0n || bitLength(e) > MAX_EXPONENT_BITS) throw exponentError();
}

function modulusError(size: string): SshError {
  return new SshError(
    "key-weak",
    `RSA key: its modulus has ${size}, and ${MIN_BITS} to ${MAX_BITS} bits are accepted. Make a new key, of 3072 bits or of another type`,
  );
}

function exponentError(): SshError {
  return new SshError(
    "key-weak",
    `RSA key: its public exponent must be odd, at least 3 and of at most ${MAX_EXPONENT_BITS} bits. Make a new key`,
  );
}
