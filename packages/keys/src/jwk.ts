import { bigIntToBytes, type Reader } from "@nacre/wire";
import { type EcdsaCurve, type EcdsaFields, nistCurves } from "./ecdsa-format.ts";
import { ED25519, type Ed25519Fields } from "./ed25519-format.ts";
import type { PrivateKeyFields } from "./key.ts";
import { findKeyFormat, formatName, keyReader } from "./key-format.ts";
import { RSA, type RsaFields } from "./rsa-format.ts";

/** A JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037): the one format that `node:crypto` and WebCrypto both import, with few steps. */
export type Jwk = Readonly<Record<string, string>>;

/** Encodes bytes as unpadded base64url, in which a JSON Web Key has numbers and strings. */
export type Base64url = (bytes: Uint8Array) => string;

/** A key format as JSON Web Keys. */
export interface JwkForm<Fields extends PrivateKeyFields = PrivateKeyFields> {
  /** Name of the key format. */
  readonly name: string;
  /** Returns the public members. `reader` is positioned after the format's name of a checked blob. */
  public(reader: Reader, base64url: Base64url): Jwk;
  /** Returns all members. They contain secrets. */
  private(fields: Fields, base64url: Base64url): Jwk;
}

const ed25519: JwkForm<Ed25519Fields> = {
  name: ED25519,
  public: (reader, base64url) => ({ kty: "OKP", crv: "Ed25519", x: base64url(reader.string("public key")) }),
  private: ({ publicKey, seed }, base64url) => ({
    kty: "OKP",
    crv: "Ed25519",
    x: base64url(publicKey),
    d: base64url(seed),
  }),
};

function ecdsa(curve: EcdsaCurve): JwkForm<EcdsaFields> {
  const { size } = nistCurves[curve];
  const crv = curve.replace("nistp", "P-");
  const members = (point: Uint8Array, base64url: Base64url): Jwk => {
    const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
    return { kty: "EC", crv, x: base64url(x), y: base64url(y) };
  };
  return {
    name: `ecdsa-sha2-${curve}`,
    public(reader, base64url) {
      reader.string("curve");
      return members(reader.string("public point"), base64url);
    },
    private: ({ publicPoint, d }, base64url) => ({
      ...members(publicPoint, base64url),
      d: base64url(bigIntToBytes(d, size)),
    }),
  };
}

const rsa: JwkForm<RsaFields> = {
  name: RSA,
  public(reader, base64url) {
    const e = base64url(bigIntToBytes(reader.mpint("e")));
    return { kty: "RSA", e, n: base64url(bigIntToBytes(reader.mpint("n"))) };
  },
  private({ n, e, d, p, q, iqmp }, base64url) {
    const values = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: iqmp };
    const members = Object.entries(values).map(([name, value]) => [name, base64url(bigIntToBytes(value))]);
    return { kty: "RSA", ...Object.fromEntries(members) };
  },
};

const JWK_FORMS: readonly JwkForm[] = [
  ed25519,
  /* @__PURE__ */ ecdsa("nistp256"),
  /* @__PURE__ */ ecdsa("nistp384"),
  /* @__PURE__ */ ecdsa("nistp521"),
  rsa,
];

/** Returns a public key blob as a JSON Web Key. The blob must have been checked. */
export function publicJwk(blob: Uint8Array, base64url: Base64url): Jwk {
  const name = formatName(blob);
  return findKeyFormat(JWK_FORMS, name).public(keyReader(blob, name), base64url);
}

/** Returns a private key as a JSON Web Key. It contains secrets. */
export function privateJwk(fields: PrivateKeyFields, base64url: Base64url): Jwk {
  return findKeyFormat(JWK_FORMS, fields.format).private(fields, base64url);
}
