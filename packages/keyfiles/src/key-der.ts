import type { EcdsaFields, Ed25519Fields, PrivateKey, PrivateKeyFields, RsaFields } from "@nacre/keys/internal";
import { bigIntToBytes, bytesToBigInt, concatBytes, equalBytes } from "@nacre/wire";
import { DerReader, der } from "./der.ts";
import type { MakeKey } from "./private-key-file.ts";
import { unsupportedKey } from "./unsupported.ts";

/** Names of unsupported PKCS#8 key algorithms, for errors. */
const OTHER_KINDS: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.10": "RSASSA-PSS",
  "1.2.840.10040.4.1": "ssh-dss",
  "1.3.101.110": "X25519",
  "1.3.101.111": "X448",
  "1.3.101.113": "ssh-ed448",
};

/** Curves (RFC 5480 §2.1.1.1) by key format, with the length of a scalar in bytes. */
const CURVES = {
  "ecdsa-sha2-nistp256": { oid: "1.2.840.10045.3.1.7", size: 32 },
  "ecdsa-sha2-nistp384": { oid: "1.3.132.0.34", size: 48 },
  "ecdsa-sha2-nistp521": { oid: "1.3.132.0.35", size: 66 },
} as const;
type EcdsaFormat = keyof typeof CURVES;
const OTHER_CURVES: Readonly<Record<string, string>> = { "1.3.132.0.10": "secp256k1" };

/** Reads an RSAPrivateKey (RFC 8017 §A.1.2). Throws `file-malformed`, `key-unsupported` for more than two primes, and like `makeKey`. */
export function readPkcs1(bytes: Uint8Array, makeKey: MakeKey): PrivateKey {
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

/**
 * Reads an ECPrivateKey (RFC 5915 §3), also with a compressed point. `outerFormat`: from PKCS#8. Throws `file-malformed`,
 * `key-unsupported`, and like `makeKey`.
 */
export function readSec1(bytes: Uint8Array, makeKey: MakeKey, outerFormat?: EcdsaFormat): PrivateKey {
  const outer = new DerReader(bytes, "SEC1");
  const reader = outer.sequence("ECPrivateKey");
  outer.end();
  if (reader.number("version", 1) !== 1) reader.fail("version", "is not 1");
  const secret = reader.octets("privateKey");
  const parameters = reader.explicit(0, "parameters");
  const named = parameters && readCurve(parameters, "namedCurve");
  parameters?.end();
  const format = named ?? outerFormat ?? reader.fail("parameters", "are missing");
  if (outerFormat !== undefined && format !== outerFormat)
    reader.fail("parameters", `name the curve of ${format}, but PKCS#8 that of ${outerFormat}`);
  // RFC 5915 §3 fixes the length, but some programs omit leading zeros, and PuTTY writes one before a set bit, as in an mpint.
  const { size } = CURVES[format];
  if (secret.length === 0 || secret.length > size + 1 || (secret.length > size && secret[0] !== 0))
    reader.fail("privateKey", `has ${secret.length} bytes, expected 1 to ${size} for ${format}`);
  const wrapped = reader.explicit(1, "publicKey");
  const publicPoint = wrapped?.bits("publicKey").slice();
  wrapped?.end();
  reader.end();
  const d = bytesToBigInt(secret);
  if (publicPoint?.length !== 1 + size) return makeKey({ format, d, publicPoint });
  const key = makeKey({ format, d });
  if (!equalBytes(publicPoint, compressed(key.fields as EcdsaFields)))
    reader.fail("publicKey", "does not match privateKey");
  return key;
}

/** Returns the compressed public point: the parity of y, then x (SEC 1 §2.3.3). OpenSSL writes it with `-conv_form compressed`. */
function compressed({ format, publicPoint }: EcdsaFields): Uint8Array {
  return concatBytes(Uint8Array.of(2 | (publicPoint.at(-1)! & 1)), publicPoint.subarray(1, 1 + CURVES[format].size));
}

/** A family of key formats in DER. */
interface DerForm<Fields extends PrivateKeyFields = PrivateKeyFields> {
  /** Names of the key formats. */
  readonly formats: readonly string[];
  /** Algorithm in PKCS#8 (RFC 3279 §2.3, RFC 8017 §A.1, RFC 8410 §3). */
  readonly oid: string;
  /** Returns the parameters of the algorithm in PKCS#8; they name the format. */
  parameters(format: string): readonly Uint8Array[];
  /** Reads those parameters, then the key inside PKCS#8. `publicKey` is that beside it. */
  readPkcs8(parameters: DerReader, key: Uint8Array, publicKey: Uint8Array | undefined, makeKey: MakeKey): PrivateKey;
  /** Encodes the key inside PKCS#8. */
  writePkcs8(fields: Fields): Uint8Array;
  /** The older PEM format of such keys (PKCS#1 or SEC1), and its label. `undefined`: they have only PKCS#8. */
  readonly traditional: { readonly label: string; write(fields: Fields): Uint8Array } | undefined;
}

const RSA_FORM: DerForm<RsaFields> = {
  formats: ["ssh-rsa"],
  oid: "1.2.840.113549.1.1.1",
  parameters: () => [der.null()],
  readPkcs8(parameters, key, _publicKey, makeKey) {
    parameters.null("parameters");
    return readPkcs1(key, makeKey);
  },
  writePkcs8: writePkcs1,
  traditional: { label: "RSA PRIVATE KEY", write: writePkcs1 },
};

const EC_FORM: DerForm<EcdsaFields> = {
  formats: /* @__PURE__ */ Object.keys(CURVES),
  oid: "1.2.840.10045.2.1",
  parameters: (format) => [der.oid(CURVES[format as EcdsaFormat].oid)],
  readPkcs8: (parameters, key, _publicKey, makeKey) => readSec1(key, makeKey, readCurve(parameters, "parameters")),
  writePkcs8: writeSec1,
  traditional: {
    label: "EC PRIVATE KEY",
    write: (fields) => writeSec1(fields, der.explicit(0, ...EC_FORM.parameters(fields.format))),
  },
};

const ED25519_FORM: DerForm<Ed25519Fields> = {
  formats: ["ssh-ed25519"],
  oid: "1.3.101.112",
  parameters: () => [],
  readPkcs8(_parameters, key, publicKey, makeKey) {
    const wrapped = new DerReader(key, "PKCS#8.CurvePrivateKey");
    const seed = wrapped.octets("seed").slice();
    wrapped.end();
    return makeKey({ format: "ssh-ed25519", seed, publicKey: publicKey?.slice() });
  },
  writePkcs8: ({ seed }) => der.octets(seed),
  traditional: undefined,
};

const DER_FORMS: readonly DerForm[] = [RSA_FORM, EC_FORM, ED25519_FORM];

function formOf({ format }: PrivateKeyFields): DerForm {
  const form = DER_FORMS.find(({ formats }) => formats.includes(format));
  if (form === undefined) throw unsupportedKey(format);
  return form;
}

/** Reads a OneAsymmetricKey, formerly PrivateKeyInfo (RFC 5958 §2, RFC 5208 §5, RFC 8410 §7). Throws like the readers above. */
export function readPkcs8(bytes: Uint8Array, makeKey: MakeKey): PrivateKey {
  const outer = new DerReader(bytes, "PKCS#8");
  const reader = outer.sequence("PrivateKeyInfo");
  outer.end();
  reader.number("version", 1);
  const algorithm = reader.sequence("privateKeyAlgorithm");
  const oid = algorithm.oid("algorithm");
  const form = DER_FORMS.find((one) => one.oid === oid);
  if (form === undefined) throw unsupportedKey(OTHER_KINDS[oid] ?? `algorithm ${oid}`);
  const inner = reader.octets("privateKey");
  reader.explicit(0, "attributes");
  const publicKey = reader.implicitBits(1, "publicKey");
  reader.end();
  const key = form.readPkcs8(algorithm, inner, publicKey, makeKey);
  algorithm.end();
  return key;
}

/** Returns the key format of a curve. */
function readCurve(reader: DerReader, field: string): EcdsaFormat {
  if (reader.nextIs(0x30)) throw unsupportedKey("EC with explicit curve parameters");
  const oid = reader.oid(field);
  const format = (Object.keys(CURVES) as EcdsaFormat[]).find((name) => CURVES[name].oid === oid);
  if (format !== undefined) return format;
  throw unsupportedKey(`EC on ${OTHER_CURVES[oid] ?? `curve ${oid}`}`);
}

/** Encodes PKCS#1 or SEC1 and returns it with its PEM label. Returns `undefined` for Ed25519, which has no such format. */
export function writeTraditional(
  fields: PrivateKeyFields,
): { readonly label: string; readonly body: Uint8Array } | undefined {
  const { traditional } = formOf(fields);
  return traditional && { label: traditional.label, body: traditional.write(fields) };
}

/** Encodes a PrivateKeyInfo, byte for byte like OpenSSL (version 0, no attributes). */
export function writePkcs8(fields: PrivateKeyFields): Uint8Array {
  const form = formOf(fields);
  const algorithm = der.sequence(der.oid(form.oid), ...form.parameters(fields.format));
  return der.sequence(der.integer(0), algorithm, der.octets(form.writePkcs8(fields)));
}

function writePkcs1({ n, e, d, p, q, iqmp }: RsaFields): Uint8Array {
  return der.sequence(...[0n, n, e, d, p, q, d % (p - 1n), d % (q - 1n), iqmp].map((value) => der.integer(value)));
}

function writeSec1({ format, d, publicPoint }: EcdsaFields, ...parameters: readonly Uint8Array[]): Uint8Array {
  return der.sequence(
    der.integer(1),
    der.octets(bigIntToBytes(d, CURVES[format].size)),
    ...parameters,
    der.explicit(1, der.bits(publicPoint)),
  );
}
