import { createECDH, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import {
  ecdsaPrivateKeyWith,
  ed25519PrivateKeyWith,
  type PrivateKey,
  type PrivateKeyFields,
  type PrivateKeyValues,
  rsaPrivateKeyWith,
} from "@nacre/keys/parts";
import { plainBytes } from "./bytes.ts";
import { nistCurves } from "./curves.ts";
import { base64url, privateJwk } from "./jwk.ts";

/** What does the cryptography: node:crypto, which is the default, or the portable code that browsers run. */
export type CryptoChoice = "node" | "noble";

/**
 * The private key with these values, which signs with node:crypto. ECDSA's nonces come from the key, the message and OpenSSL's own
 * randomness, so that two signatures differ; the random source is not asked. Throws `key-malformed` or `key-weak`.
 */
export function nodePrivateKey(values: PrivateKeyValues): PrivateKey {
  switch (values.format) {
    case "ssh-ed25519":
      return ed25519PrivateKeyWith(values, ed25519Point, signing);
    case "ecdsa":
      return ecdsaPrivateKeyWith(values, ecdsaPoint, signing);
    case "ssh-rsa":
      return rsaPrivateKeyWith(values, signing);
  }
}

function ed25519Point(seed: Uint8Array): Uint8Array {
  // node:crypto makes the public half of the private one, whatever stands in x.
  const key = { kty: "OKP", crv: "Ed25519", x: "", d: base64url(seed) };
  const { x } = createPublicKey(createPrivateKey({ key, format: "jwk" })).export({ format: "jwk" });
  return plainBytes(Buffer.from(x ?? "", "base64url"));
}

function ecdsaPoint(curve: keyof typeof nistCurves, secret: Uint8Array): Uint8Array {
  const pair = createECDH(nistCurves[curve].openssl);
  pair.setPrivateKey(secret);
  return plainBytes(pair.getPublicKey());
}

const HASHES: Readonly<Record<string, string>> = {
  "ecdsa-sha2-nistp256": "sha256",
  "ecdsa-sha2-nistp384": "sha384",
  "ecdsa-sha2-nistp521": "sha512",
  "rsa-sha2-256": "sha256",
  "rsa-sha2-512": "sha512",
};

function signing(fields: PrivateKeyFields): (algorithm: string, data: Uint8Array) => Uint8Array {
  let key: KeyObject | undefined;
  return (algorithm, data) => {
    key ??= createPrivateKey({ key: privateJwk(fields), format: "jwk" });
    const options = fields.format === "ecdsa" ? ({ key, dsaEncoding: "ieee-p1363" } as const) : key;
    return sign(HASHES[algorithm], data, options);
  };
}
