import { type Bytes, Writer } from "@nacre/wire";

/** WebCrypto parameters of an SSH signature algorithm. */
export interface WebAlgorithm {
  /** Parameters for `generateKey` and `importKey`. */
  readonly key: EcKeyImportParams & RsaHashedImportParams;
  /** Parameters for `sign` and `verify`. */
  readonly signature: AlgorithmIdentifier | EcdsaParams;
  /** Converts the result of `sign` to the part of an SSH signature after the algorithm name. */
  readonly encode: (signature: Bytes) => Bytes;
}

/** Signature algorithms that WebCrypto may support, by SSH name (RFC 8709, RFC 5656 §6.2.1, RFC 8332 §3). */
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

/** Returns parameters for one hash, because WebCrypto binds an RSA key to a hash. */
function rsa(hash: string): WebAlgorithm {
  const name = "RSASSA-PKCS1-v1_5";
  return { key: params({ name, hash }), signature: name, encode: same };
}

/** Casts the parameters, because TypeScript lacks a union type for the parameters of all algorithms. */
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

/** Converts an ECDSA signature to two mpints (RFC 5656 §3.1.2). WebCrypto concatenates r and s, each as long as the curve order. */
function twoMpints(signature: Bytes): Bytes {
  const size = signature.length / 2;
  return new Writer().mpintBytes(signature.subarray(0, size)).mpintBytes(signature.subarray(size)).finish();
}
