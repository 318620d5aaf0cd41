import { type Bytes, Writer } from "@nacre/wire";

/** How WebCrypto does a signature algorithm of SSH. */
export interface WebAlgorithm {
  /** For `generateKey` and `importKey`. */
  readonly key: EcKeyImportParams & RsaHashedImportParams;
  /** For `sign` and `verify`. */
  readonly signature: AlgorithmIdentifier | EcdsaParams;
  /** What follows the algorithm's name in an SSH signature, of what `sign` returns. */
  readonly encode: (signature: Bytes) => Bytes;
}

/** The signature algorithms that WebCrypto may have, by their names in SSH (RFC 8709, RFC 5656 §6.2.1, RFC 8332 §3). */
export const WEB_ALGORITHMS: Readonly<Record<string, WebAlgorithm>> = {
  "ssh-ed25519": { key: params({ name: "Ed25519" }), signature: "Ed25519", encode: same },
  "ecdsa-sha2-nistp256": ecdsa("P-256", "SHA-256"),
  "ecdsa-sha2-nistp384": ecdsa("P-384", "SHA-384"),
  "ecdsa-sha2-nistp521": ecdsa("P-521", "SHA-512"),
  "rsa-sha2-512": rsa("SHA-512"),
  "rsa-sha2-256": rsa("SHA-256"),
};

function ecdsa(namedCurve: string, hash: string): WebAlgorithm {
  return { key: params({ name: "ECDSA", namedCurve }), signature: { name: "ECDSA", hash }, encode: twoMpints };
}

/** WebCrypto binds an RSA key to a hash. */
function rsa(hash: string): WebAlgorithm {
  const name = "RSASSA-PKCS1-v1_5";
  return { key: params({ name, hash }), signature: name, encode: same };
}

/** The types of `importKey` name no union that each algorithm's parameters belong to. */
function params(algorithm: {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash?: string;
}): WebAlgorithm["key"] {
  return algorithm as WebAlgorithm["key"];
}

function same(signature: Bytes): Bytes {
  return signature;
}

/** WebCrypto writes r and s one after the other, each as long as the order; SSH writes two mpints (RFC 5656 §3.1.2). */
function twoMpints(signature: Bytes): Bytes {
  const size = signature.length / 2;
  return new Writer().mpintBytes(signature.subarray(0, size)).mpintBytes(signature.subarray(size)).finish();
}
