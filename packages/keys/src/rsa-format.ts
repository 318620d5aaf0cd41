import { SshError, Writer } from "@nacre/wire";
import { type KeyBounds, type PrivateKey, type PrivateKeyFields, RSA_BITS, type SignatureNames } from "./key.ts";
import { type KeyFormat, keyReader, publicKeyOf, readKeyInteger } from "./key-format.ts";
import { bitLength } from "./modular.ts";
import { privateKeyOf, type Sign } from "./private-key.ts";

/** Name of the key format (RFC 4253 §6.6). The signature algorithms have names of their own (RFC 8332). */
export const RSA = "ssh-rsa";
/** Apart from the format, so that a bundle that only signs does not carry the format's checks. */
const ALGORITHMS: readonly SignatureNames[] = [
  { name: "rsa-sha2-512", signatureName: "rsa-sha2-512" },
  { name: "rsa-sha2-256", signatureName: "rsa-sha2-256" },
];
/**
 * Longest accepted public exponent in bits. OpenSSL has the same bound for moduli above 3072 bits (OPENSSL_RSA_MAX_PUBEXP_BITS), so OpenSSH
 * also refuses such keys. With a 256-bit exponent, one verification takes 60 ms in portable code.
 */
const MAX_EXPONENT_BITS = 64;

/** Private values of an RSA key. Secret: never log them. */
export interface RsaFields extends PrivateKeyFields {
  readonly format: typeof RSA;
  readonly n: bigint;
  readonly e: bigint;
  readonly d: bigint;
  readonly p: bigint;
  readonly q: bigint;
  /** q⁻¹ mod p */
  readonly iqmp: bigint;
}

/**
 * RSA keys (RFC 4253 §6.6). The modulus must be odd and have 2048 to 16384 bits, and the exponent must be odd, at least 3 and below 2⁶⁴;
 * else they are `key-weak`.
 */
export const rsaFormat: KeyFormat<RsaFields> = {
  name: RSA,
  label: "RSA",
  sshfp: 1,
  algorithms: ALGORITHMS,
  publicFields: [undefined, undefined],
  check: rsaBits,
  secret: {
    read(reader, certificate) {
      // A private key has n and e, a certificate e and n.
      const inCertificate = certificate && { e: certificate.mpint("e"), n: certificate.mpint("n") };
      const { n, e } = inCertificate ?? { n: readKeyInteger(reader, "n"), e: readKeyInteger(reader, "e") };
      const [d, iqmp, p, q] = SECRETS.map((field) => readKeyInteger(reader, field));
      return { format: RSA, n, e, d: d!, iqmp: iqmp!, p: p!, q: q! };
    },
    write(writer, fields, hasCertificate) {
      if (!hasCertificate) writer.mpint(fields.n).mpint(fields.e);
      for (const field of SECRETS) writer.mpint(fields[field]);
    },
  },
};

const SECRETS = ["d", "iqmp", "p", "q"] as const;

/**
 * Builds a private key from its values. The caller supplies the arithmetic; a signature is as long as the modulus. Throws `key-weak` like
 * `rsaFormat`, and `key-malformed` unless n = p·q, e·d ≡ 1 modulo p−1 and q−1, and iqmp·q ≡ 1 modulo p.
 */
export function rsaPrivateKeyWith(
  fields: RsaFields,
  signing: (fields: RsaFields) => Sign,
  bounds?: KeyBounds,
): PrivateKey {
  checkFields(fields, bounds);
  return checkedRsaPrivateKey(fields, signing(fields));
}

/** Builds a private key like {@link rsaPrivateKeyWith} from values that are already checked. */
export function checkedRsaPrivateKey(fields: RsaFields, sign: Sign): PrivateKey {
  const { n, e } = fields;
  const blob = new Writer().string(RSA).mpint(e).mpint(n).finish();
  return privateKeyOf(publicKeyOf({ name: RSA, algorithms: ALGORITHMS }, blob, bitLength(n)), fields, sign);
}

function checkFields({ n, e, d, p, q, iqmp }: RsaFields, bounds: KeyBounds | undefined): void {
  checkPublic(n, e, bounds);
  const inRange = [p, q, d, iqmp].every((value) => value > 0n && value < n);
  const consistent =
    inRange && p > 1n && q > 1n && p !== q && p * q === n && (e * d) % (p - 1n) === 1n && (e * d) % (q - 1n) === 1n;
  if (!consistent || iqmp >= p || (iqmp * q) % p !== 1n)
    throw new SshError("key-malformed", "RSA private key: values do not match each other");
}

/** Checks a public key blob, and returns the size of its modulus in bits. Throws like `rsaFormat`. */
function rsaBits(blob: Uint8Array, bounds?: KeyBounds): number {
  return bitLength(readRsaNumbers(blob, bounds).n);
}

/** Returns the modulus and exponent of a public key blob. Throws like `rsaFormat`. */
export function readRsaNumbers(blob: Uint8Array, bounds?: KeyBounds): { readonly n: bigint; readonly e: bigint } {
  // Check the lengths first: converting a hostile megabyte to a BigInt is slow.
  const lengths = keyReader(blob, RSA);
  if (lengths.string("e").length > MAX_EXPONENT_BITS / 8 + 1) throw exponentError();
  const length = lengths.string("n").length;
  if (length > RSA_BITS.most / 8 + 1) throw modulusError(`${length} bytes`, leastBits(bounds));

  const reader = keyReader(blob, RSA);
  const e = reader.mpint("e");
  const n = reader.mpint("n");
  reader.end();
  if (e <= 0n) reader.fail("e", "is not positive");
  if (n <= 0n) reader.fail("n", "is not positive");
  checkPublic(n, e, bounds);
  return { n, e };
}

function checkPublic(n: bigint, e: bigint, bounds: KeyBounds | undefined): void {
  const least = leastBits(bounds);
  const bits = bitLength(n);
  if (/* rule: rsa-modulus-least */ !(bits >= least) || /* rule: rsa-modulus-most */ bits > RSA_BITS.most)
    throw modulusError(`${bits} bits`, least);
  if (n % 2n === 0n) throw new SshError("key-weak", "RSA key: modulus is even");
  // rule: rsa-exponent
  if (e < 3n || e % 2n === 0n || bitLength(e) > MAX_EXPONENT_BITS) throw exponentError();
}

/** Returns the least size of a modulus. An invalid bound, which only JavaScript programs can pass, becomes NaN and refuses every key. */
function leastBits({ minRsaBits = RSA_BITS.default }: KeyBounds = {}): number {
  // rule: rsa-least-bound
  return Math.max(minRsaBits, RSA_BITS.least);
}

function modulusError(size: string, least: number): SshError {
  return new SshError(
    "key-weak",
    `RSA key: modulus has ${size}, expected ${least} to ${RSA_BITS.most} bits; make a new key of 3072 bits or of another type`,
  );
}

function exponentError(): SshError {
  return new SshError(
    "key-weak",
    `RSA key: public exponent must be odd, at least 3 and at most ${MAX_EXPONENT_BITS} bits long; make a new key`,
  );
}
