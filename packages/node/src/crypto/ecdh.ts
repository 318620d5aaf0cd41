import { createECDH, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { type KeyPair, nistPair, X25519_LENGTH, x25519Pair } from "@nacre/kex/parts";
import { bigIntToBytes, bytesToBigInt, type RandomSource } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { nistCurves } from "./curves.ts";
import { base64url } from "./jwk.ts";

/** X25519 on node:crypto. */
export function x25519KeyPair(random: RandomSource): KeyPair {
  // node:crypto makes the public half of the private one, whatever stands in x; any other way to give it a private key takes far longer.
  const jwk = { kty: "OKP", crv: "X25519", x: "", d: base64url(random(X25519_LENGTH)) };
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return x25519Pair(plainBytes(Buffer.from(x ?? "", "base64url")), (peersPublicKey) => {
    const peers = { kty: "OKP", crv: "X25519", x: base64url(peersPublicKey) };
    const publicKey = createPublicKey({ key: peers, format: "jwk" });
    return plainBytes(diffieHellman({ privateKey, publicKey }));
  });
}

/** A key pair on a curve of NIST's, on node:crypto. */
export function nistKeyPair(curveName: keyof typeof nistCurves, random: RandomSource): KeyPair {
  const { openssl, size, order } = nistCurves[curveName];
  // From half as many bits more than the order has (FIPS 186-5 §A.2.1).
  const secret = 1n + (bytesToBigInt(random(Math.ceil(1.5 * size))) % (order - 1n));
  const pair = createECDH(openssl);
  pair.setPrivateKey(bigIntToBytes(secret, size));
  return nistPair(curveName, plainBytes(pair.getPublicKey()), (peers) => plainBytes(pair.computeSecret(peers)));
}
