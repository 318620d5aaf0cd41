import type { PrivateKey, PrivateKeyFields } from "@nacre/keys/internal";
import { bigIntToBytes, bytesToBigInt } from "@nacre/wire";
import { DerReader, der } from "./der.ts";
import type { KeyMaker } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

type EcdsaFields = Extract<PrivateKeyFields, { format: "ecdsa" }>;
type RsaFields = Extract<PrivateKeyFields, { format: "ssh-rsa" }>;

/** Supported key algorithms (RFC 3279 §2.3, RFC 8017 §A.1, RFC 8410 §3). */
const OID_RSA = "1.2.840.113549.1.1.1";
const OID_EC = "1.2.840.10045.2.1";
const OID_ED25519 = "1.3.101.112";
/** Names of unsupported PKCS#8 key algorithms, for errors. */
const OTHER_KINDS: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.10": "RSASSA-PSS",
  "1.2.840.10040.4.1": "ssh-dss",
  "1.3.101.110": "X25519",
  "1.3.101.111": "X448",
  "1.3.101.113": "ssh-ed448",
};

/** Supported curves (RFC 5480 §2.1.1.1) with the length of a scalar in bytes. */
const CURVES = {
  nistp256: { oid: "1.2.840.10045.3.1.7", size: 32 },
  nistp384: { oid: "1.3.132.0.34", size: 48 },
  nistp521: { oid: "1.3.132.0.35", size: 66 },
} as const;
const OTHER_CURVES: Readonly<Record<string, string>> = { "1.3.132.0.10": "secp256k1" };

/** Reads an RSAPrivateKey (RFC 8017 §A.1.2). Throws `file-malformed`, `key-unsupported` for more than two primes, and like `makeKey`. */
export function readPkcs1(bytes: Uint8Array, makeKey: KeyMaker): PrivateKey {
  const outer = new DerReader(bytes, "PKCS#1");
  const reader = outer.sequence("RSAPrivateKey");
  outer.end();
  if (reader.number("version", 1) === 1) throw unsupportedKey("RSA with more than two primes");
  const n = reader.integer("modulus");
  const e = reader.integer("publicExponent");
  const d = reader.integer("privateExponent");
  const p = reader.integer("prime1");
  const q = reader.integer("prime2");
  const dp = reader.integer("exponent1");
  const dq = reader.integer("exponent2");
  const iqmp = reader.integer("coefficient");
  reader.end();
  const key = makeKey({ format: "ssh-rsa", n, e, d, p, q, iqmp });
  if (d % (p - 1n) !== dp || d % (q - 1n) !== dq) reader.fail("exponent1 or exponent2", "does not match the primes");
  return key;
}

/** Reads an ECPrivateKey (RFC 5915 §3). `curve`: from an outer PKCS#8. Throws `file-malformed`, `key-unsupported`, and like `makeKey`. */
export function readSec1(bytes: Uint8Array, makeKey: KeyMaker, curve?: EcdsaFields["curve"]): PrivateKey {
  const outer = new DerReader(bytes, "SEC1");
  const reader = outer.sequence("ECPrivateKey");
  outer.end();
  if (reader.number("version", 1) !== 1) reader.fail("version", "is not 1");
  const secret = reader.octets("privateKey");
  const parameters = reader.explicit(0, "parameters");
  const named = parameters && readCurve(parameters, "namedCurve");
  parameters?.end();
  const name = named ?? curve ?? reader.fail("parameters", "are missing");
  if (curve !== undefined && name !== curve) reader.fail("parameters", `name ${name}, but PKCS#8 names ${curve}`);
  // Accept shorter scalars: RFC 5915 §3 fixes the length, but some programs omit leading zeros.
  if (secret.length === 0 || secret.length > CURVES[name].size)
    reader.fail("privateKey", `has ${secret.length} bytes, expected 1 to ${CURVES[name].size} for ${name}`);
  const wrapped = reader.explicit(1, "publicKey");
  const publicPoint = wrapped?.bits("publicKey").slice();
  wrapped?.end();
  reader.end();
  const d = bytesToBigInt(secret);
  return makeKey({ format: "ecdsa", curve: name, d, publicPoint });
}

/** Reads a OneAsymmetricKey, formerly PrivateKeyInfo (RFC 5958 §2, RFC 5208 §5, RFC 8410 §7). Throws like the readers above. */
export function readPkcs8(bytes: Uint8Array, makeKey: KeyMaker): PrivateKey {
  const outer = new DerReader(bytes, "PKCS#8");
  const reader = outer.sequence("PrivateKeyInfo");
  outer.end();
  reader.number("version", 1);
  const algorithm = reader.sequence("privateKeyAlgorithm");
  const oid = algorithm.oid("algorithm");
  if (oid !== OID_RSA && oid !== OID_EC && oid !== OID_ED25519)
    throw unsupportedKey(OTHER_KINDS[oid] ?? `algorithm ${oid}`);
  let curve: EcdsaFields["curve"] | undefined;
  if (oid === OID_RSA) algorithm.null("parameters");
  if (oid === OID_EC) curve = readCurve(algorithm, "parameters");
  algorithm.end();
  const inner = reader.octets("privateKey");
  reader.explicit(0, "attributes");
  const publicKey = reader.implicitBits(1, "publicKey");
  reader.end();

  if (oid === OID_RSA) return readPkcs1(inner, makeKey);
  if (oid === OID_EC) return readSec1(inner, makeKey, curve);
  const wrapped = new DerReader(inner, "PKCS#8.CurvePrivateKey");
  const seed = wrapped.octets("seed").slice();
  wrapped.end();
  return makeKey({ format: "ssh-ed25519", seed, publicKey: publicKey?.slice() });
}

function readCurve(reader: DerReader, field: string): EcdsaFields["curve"] {
  if (reader.nextIs(0x30)) throw unsupportedKey("EC with explicit curve parameters");
  const oid = reader.oid(field);
  for (const name of ["nistp256", "nistp384", "nistp521"] as const) if (CURVES[name].oid === oid) return name;
  throw unsupportedKey(`EC on ${OTHER_CURVES[oid] ?? `curve ${oid}`}`);
}

/** Encodes PKCS#1 or SEC1 and returns it with its PEM label. Returns `undefined` for Ed25519, which has no such format. */
export function writeTraditional(
  fields: PrivateKeyFields,
): { readonly label: string; readonly body: Uint8Array } | undefined {
  switch (fields.format) {
    case "ssh-rsa":
      return { label: "RSA PRIVATE KEY", body: writePkcs1(fields) };
    case "ecdsa":
      return { label: "EC PRIVATE KEY", body: writeSec1(fields, der.explicit(0, der.oid(CURVES[fields.curve].oid))) };
    case "ssh-ed25519":
      return undefined;
  }
}

/** Encodes a PrivateKeyInfo, byte for byte like OpenSSL (version 0, no attributes). */
export function writePkcs8(fields: PrivateKeyFields): Uint8Array {
  switch (fields.format) {
    case "ssh-rsa":
      return privateKeyInfo(der.sequence(der.oid(OID_RSA), der.null()), writePkcs1(fields));
    case "ecdsa":
      return privateKeyInfo(der.sequence(der.oid(OID_EC), der.oid(CURVES[fields.curve].oid)), writeSec1(fields));
    case "ssh-ed25519":
      return privateKeyInfo(der.sequence(der.oid(OID_ED25519)), der.octets(fields.seed));
  }
}

function privateKeyInfo(algorithm: Uint8Array, key: Uint8Array): Uint8Array {
  return der.sequence(der.integer(0), algorithm, der.octets(key));
}

function writePkcs1({ n, e, d, p, q, iqmp }: RsaFields): Uint8Array {
  return der.sequence(...[0n, n, e, d, p, q, d % (p - 1n), d % (q - 1n), iqmp].map((value) => der.integer(value)));
}

function writeSec1({ curve, d, publicPoint }: EcdsaFields, ...parameters: readonly Uint8Array[]): Uint8Array {
  return der.sequence(
    der.integer(1),
    der.octets(bigIntToBytes(d, CURVES[curve].size)),
    ...parameters,
    der.explicit(1, der.bits(publicPoint)),
  );
}
