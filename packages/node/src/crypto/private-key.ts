import { createECDH, createPrivateKey, type KeyObject, sign } from "node:crypto";
import {
  type EcdsaCurve,
  type EcdsaValues,
  type Ed25519Values,
  ecdsaPrivateKeyWith,
  ed25519PrivateKeyWith,
  findKeyFormat,
  type KeyBounds,
  type KeyMaker,
  type PrivateKey,
  type PrivateKeyFields,
  type PrivateKeyValues,
  privateJwk,
  type RsaFields,
  rsaPrivateKeyWith,
} from "@nacre/keys/internal";
import { base64url, plainBytes } from "./bytes.ts";
import { hasEcdh, nistCurves } from "./curves.ts";
import { curve25519Key, hasEd25519 } from "./ecdh.ts";
import { scalarsOfDer } from "./ecdsa-der.ts";
import { portable } from "./portable.ts";

/** Cryptographic implementation: node:crypto (the default) or the portable code used in browsers. */
export type CryptoChoice = "node" | "noble";

/** Makes keys of one format that sign with node:crypto. */
interface NodeKeyMaker<Values extends PrivateKeyFields = PrivateKeyFields> extends KeyMaker<Values> {
  /** Whether node:crypto has the algorithm. */
  isSupported(): boolean;
}

const ed25519: NodeKeyMaker<Ed25519Values> = {
  name: "ssh-ed25519",
  isSupported: hasEd25519,
  make: (values) =>
    ed25519PrivateKeyWith(
      values,
      (seed) => curve25519Key("Ed25519", seed).publicKey,
      (fields) => signing(fields, () => undefined),
    ),
};

function ecdsa(curve: EcdsaCurve, hash: string): NodeKeyMaker<EcdsaValues> {
  const { openssl, size } = nistCurves[curve];
  const pointOf = (secret: Uint8Array): Uint8Array => {
    const pair = createECDH(openssl);
    pair.setPrivateKey(secret);
    return plainBytes(pair.getPublicKey());
  };
  return {
    name: `ecdsa-sha2-${curve}`,
    isSupported: hasEcdh[curve],
    make: (values) =>
      ecdsaPrivateKeyWith(curve, values, pointOf, (fields) => {
        const derOf = signing(fields, () => hash);
        return (algorithm, data) => scalarsOfDer(derOf(algorithm, data), size);
      }),
  };
}

const rsa: NodeKeyMaker<RsaFields> = {
  name: "ssh-rsa",
  isSupported: () => true,
  make: (fields, bounds) =>
    rsaPrivateKeyWith(
      fields,
      (checked) => signing(checked, (algorithm) => algorithm.replace("rsa-sha2-", "sha")),
      bounds,
    ),
};

const MAKERS: readonly NodeKeyMaker[] = [
  ed25519,
  ecdsa("nistp256", "sha256"),
  ecdsa("nistp384", "sha384"),
  ecdsa("nistp521", "sha512"),
  rsa,
];

/**
 * Returns a private key with these values. It signs with node:crypto, or with portable code if node:crypto lacks the algorithm. ECDSA
 * nonces combine the key, the message and OpenSSL's randomness, so signatures of equal data differ; the random source is ignored. Throws
 * `key-unsupported` for another format, `key-malformed` or `key-weak`.
 */
export function nodePrivateKey(values: PrivateKeyFields | PrivateKeyValues, bounds?: KeyBounds): PrivateKey {
  const maker = findKeyFormat(MAKERS, values.format);
  return maker.isSupported() ? maker.make(values, bounds) : portable("keys").privateKeyFromFields(values, bounds);
}

function signing(
  fields: PrivateKeyFields,
  hashOf: (algorithm: string) => string | undefined,
): (algorithm: string, data: Uint8Array) => Uint8Array {
  let key: KeyObject | undefined;
  return (algorithm, data) => {
    key ??= createPrivateKey({ key: privateJwk(fields, base64url), format: "jwk" });
    return sign(hashOf(algorithm), data, key);
  };
}
