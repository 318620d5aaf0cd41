import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { type PrivateKey, writeSignature } from "@nacre/keys";
import { SshError, Writer } from "@nacre/wire";
import { privateJwk } from "./jwk.ts";

const HASHES: Readonly<Record<string, string>> = {
  "ecdsa-sha2-nistp256": "sha256",
  "ecdsa-sha2-nistp384": "sha384",
  "ecdsa-sha2-nistp521": "sha512",
  "rsa-sha2-256": "sha256",
  "rsa-sha2-512": "sha512",
};

/** What does the cryptography: node:crypto, which is the default, or the portable code that browsers run. */
export type CryptoChoice = "node" | "noble";

/** A private key in memory as a connection with that choice uses it. */
export function signer(crypto: CryptoChoice | undefined, key: PrivateKey): PrivateKey {
  return crypto === "noble" ? key : signingOnNode(key);
}

/**
 * The same key, signing with node:crypto. ECDSA's nonces come from the key, the message and OpenSSL's own randomness, so that two
 * signatures differ; the random source is not asked.
 */
export function signingOnNode(privateKey: PrivateKey): PrivateKey {
  const { publicKey, fields } = privateKey;
  let key: KeyObject | undefined;
  return {
    publicKey,
    fields,
    sign(algorithm, data) {
      if (!publicKey.algorithms.some(({ name }) => name === algorithm))
        throw new SshError("key-unsupported", `a key of format ${publicKey.format} cannot sign with ${algorithm}`);
      key ??= createPrivateKey({ key: privateJwk(fields), format: "jwk" });
      return writeSignature(algorithm, signatureBlob(key, algorithm, data));
    },
  };
}

function signatureBlob(key: KeyObject, algorithm: string, data: Uint8Array): Uint8Array {
  const hash = HASHES[algorithm];
  if (key.asymmetricKeyType !== "ec") return sign(hash, data, key);
  const scalars = sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
  const half = scalars.length / 2;
  return new Writer().mpintBytes(scalars.subarray(0, half)).mpintBytes(scalars.subarray(half)).finish();
}
