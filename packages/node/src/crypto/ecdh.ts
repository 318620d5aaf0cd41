import { createECDH, createPublicKey, diffieHellman } from "node:crypto";
import { type KeyPair, nistPair, X25519_LENGTH, x25519Pair } from "@nacre/kex/internal";
import { bigIntToBytes, bytesToBigInt, type RandomSource } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { curve25519Key } from "./curve25519-key.ts";
import { nistCurves } from "./curves.ts";
import { base64url } from "./jwk.ts";
import { probe } from "./probe.ts";

/** Returns an X25519 key pair, on node:crypto. */
export function x25519KeyPair(random: RandomSource): KeyPair {
  const { privateKey, publicKey: own } = curve25519Key("X25519", random(X25519_LENGTH));
  return x25519Pair(own, (peersPublicKey) => {
    const peerKey = { kty: "OKP", crv: "X25519", x: base64url(peersPublicKey) };
    const publicKey = createPublicKey({ key: peerKey, format: "jwk" });
    return plainBytes(diffieHellman({ privateKey, publicKey }));
  });
}

/** Returns whether {@link x25519KeyPair} works here. */
export const hasX25519: () => boolean = probe(() => {
  const pair = x25519KeyPair((length) => new Uint8Array(length).fill(1));
  return pair.agree(pair.publicKey).length === X25519_LENGTH;
});

/** Returns a key pair on a NIST curve, on node:crypto. */
export function nistKeyPair(curveName: keyof typeof nistCurves, random: RandomSource): KeyPair {
  const { openssl, size, order } = nistCurves[curveName];
  // Reduce a number with half as many bits again as the order, so that the bias is negligible (FIPS 186-5 §A.2.1).
  const secret = 1n + (bytesToBigInt(random(Math.ceil(1.5 * size))) % (order - 1n));
  const pair = createECDH(openssl);
  pair.setPrivateKey(bigIntToBytes(secret, size));
  return nistPair(curveName, plainBytes(pair.getPublicKey()), (peersPublicKey) =>
    plainBytes(pair.computeSecret(peersPublicKey)),
  );
}
