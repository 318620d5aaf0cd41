import { type Bytes, copyBytes, SshError, Writer } from "@nacre/wire";
import { keyReader } from "./blob.ts";
import type { PrivateKey, PublicKey, RsaFields } from "./key.ts";
import { bitLength } from "./modular.ts";
import { privateKeyOf, type Sign } from "./private-key.ts";

/** Name of the key format (RFC 4253 §6.6). The signature algorithms have names of their own (RFC 8332). */
export const RSA = "ssh-rsa";
/** Accepted modulus sizes in bits. OpenSSH accepts 1024 to 16384 by default. */
const MIN_BITS = 2048;
const MAX_BITS = 16384;
/**
 * Longest accepted public exponent in bits. OpenSSL has the same bound for moduli above 3072 bits (OPENSSL_RSA_MAX_PUBEXP_BITS), so OpenSSH
 * also refuses such keys. With a 256-bit exponent, one verification takes 60 ms in portable code.
 */
const MAX_EXPONENT_BITS = 64;

/**
 * Parses a public key blob and copies it (RFC 4253 §6.6). Throws `key-malformed`, or `key-weak` unless the modulus is odd and has 2048 to
 * 16384 bits and the exponent is odd, at least 3 and below 2⁶⁴.
 */
export function rsaPublicKey(blob: Uint8Array): PublicKey {
  return publicKeyOf(readRsaNumbers(blob).n, copyBytes(blob));
}

function publicKeyOf(n: bigint, blob: Bytes): PublicKey {
  return { format: RSA, blob, bits: bitLength(n), algorithms: [{ name: "rsa-sha2-512" }, { name: "rsa-sha2-256" }] };
}

/**
 * Builds a private key from its values. The caller supplies the arithmetic; a signature is as long as the modulus. Throws `key-weak` like
 * `rsaPublicKey`, and `key-malformed` unless n = p·q, e·d ≡ 1 modulo p−1 and q−1, and iqmp·q ≡ 1 modulo p.
 */
export function rsaPrivateKeyWith(fields: RsaFields, signing: (fields: RsaFields) => Sign): PrivateKey {
  checkFields(fields);
  return checkedRsaPrivateKey(fields, signing(fields));
}

/** Builds a private key like {@link rsaPrivateKeyWith} from values that are already checked. */
export function checkedRsaPrivateKey(fields: RsaFields, sign: Sign): PrivateKey {
  const { n, e } = fields;
  return privateKeyOf(publicKeyOf(n, new Writer().string(RSA).mpint(e).mpint(n).finish()), fields, sign);
}

function checkFields({ n, e, d, p, q, iqmp }: RsaFields): void {
  checkPublic(n, e);
  const inRange = [p, q, d, iqmp].every((value) => value > 0n && value < n);
  const consistent =
    inRange && p > 1n && q > 1n && p !== q && p * q === n && (e * d) % (p - 1n) === 1n && (e * d) % (q - 1n) === 1n;
  if (!consistent || iqmp >= p || (iqmp * q) % p !== 1n)
    throw new SshError("key-malformed", "RSA private key: values do not match each other");
}

/** Returns the modulus and exponent of a public key blob. Throws like `rsaPublicKey`. */
export function readRsaNumbers(blob: Uint8Array): { readonly n: bigint; readonly e: bigint } {
  // Check the lengths first: converting a hostile megabyte to a BigInt is slow.
  const lengths = keyReader(blob, RSA);
  if (lengths.string("e").length > MAX_EXPONENT_BITS / 8 + 1) throw exponentError();
  const length = lengths.string("n").length;
  if (length > MAX_BITS / 8 + 1) throw modulusError(`${length} bytes`);

  const reader = keyReader(blob, RSA);
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
  if (/* rule: rsa-modulus-least */ bits < MIN_BITS || /* rule: rsa-modulus-most */ bits > MAX_BITS)
    throw modulusError(`${bits} bits`);
  if (n % 2n === 0n) throw new SshError("key-weak", "RSA key: modulus is even");
  // rule: rsa-exponent
  if (e < 3n || e % 2n === 0n || bitLength(e) > MAX_EXPONENT_BITS) throw exponentError();
}

function modulusError(size: string): SshError {
  return new SshError(
    "key-weak",
    `RSA key: modulus has ${size}, expected ${MIN_BITS} to ${MAX_BITS} bits; make a new key of 3072 bits or of another type`,
  );
}

function exponentError(): SshError {
  return new SshError(
    "key-weak",
    `RSA key: public exponent must be odd, at least 3 and at most ${MAX_EXPONENT_BITS} bits long; make a new key`,
  );
}
