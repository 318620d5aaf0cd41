import { createECDH, createPrivateKey, type KeyObject, sign } from "node:crypto";
import {
  ecdsaPrivateKeyWith,
  ed25519PrivateKeyWith,
  type PrivateKey,
  type PrivateKeyFields,
  type PrivateKeyValues,
  rsaPrivateKeyWith,
} from "@nacre/keys/internal";
import { plainBytes } from "./bytes.ts";
import { hasEcdh, nistCurves } from "./curves.ts";
import { curve25519Key, hasEd25519 } from "./ecdh.ts";
import { scalarsOfDer } from "./ecdsa-der.ts";
import { privateJwk } from "./jwk.ts";
import { portable } from "./portable.ts";

/** Cryptographic implementation: node:crypto (the default) or the portable code used in browsers. */
export type CryptoChoice = "node" | "noble";

/**
 * Returns a private key with these values. It signs with node:crypto, or with portable code if node:crypto lacks the algorithm. ECDSA
 * nonces combine the key, the message and OpenSSL's randomness, so signatures of equal data differ; the random source is ignored. Throws
 * `key-malformed` or `key-weak`.
 */
export function nodePrivateKey(values: PrivateKeyValues): PrivateKey {
  if (!hasKeysOf(values)) return portable("keys").privateKeyFromFields(values);
  switch (values.format) {
    case "ssh-ed25519":
      return ed25519PrivateKeyWith(values, (seed) => curve25519Key("Ed25519", seed).publicKey, signing);
    case "ecdsa":
      return ecdsaPrivateKeyWith(values, ecdsaPoint, signing);
    case "ssh-rsa":
      return rsaPrivateKeyWith(values, signing);
  }
}

function hasKeysOf(values: PrivateKeyValues): boolean {
  switch (values.format) {
    case "ssh-ed25519":
      return hasEd25519();
    case "ecdsa":
      return hasEcdh[values.curve]();
    case "ssh-rsa":
      return true;
  }
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
    const signature = sign(HASHES[algorithm], data, key);
    return fields.format === "ecdsa" ? scalarsOfDer(signature, nistCurves[fields.curve].size) : signature;
  };
}
