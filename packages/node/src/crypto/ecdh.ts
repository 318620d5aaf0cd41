import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { type KeyPair, nistPair, X25519_LENGTH, x25519Pair } from "@nacre/kex/internal";
import { bigIntToBytes, bytesToBigInt, concatBytes, type RandomSource } from "@nacre/wire";
import { base64url, plainBytes } from "./bytes.ts";
import { nistCurves } from "./curves.ts";
import { probe } from "./probe.ts";

/** Curve25519 curve names in JSON Web Keys (RFC 8037 §2). */
type Curve = "X25519" | "Ed25519";

/** DER of a PrivateKeyInfo up to the 32 bytes of the key (RFC 8410 §7). */
const PKCS8_PREFIXES: Readonly<Record<Curve, Uint8Array>> = {
  X25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
  Ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
};

/** A key pair on Curve25519. */
export interface Curve25519Key {
  readonly privateKey: KeyObject;
  /** Public key, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Returns the key pair of a 32-byte private key or seed. node:crypto derives the public key. */
export function curve25519Key(curve: Curve, secret: Uint8Array): Curve25519Key {
  return (takesPrivateHalf() ? fromJwk : fromPkcs8)(curve, secret);
}

/** Returns whether node:crypto has Ed25519. */
export const hasEd25519: () => boolean = probe(
  () => curve25519Key("Ed25519", new Uint8Array(32)).publicKey.length === 32,
);

/**
 * Returns whether a JWK may omit the public key. JWK import is the faster form, several times faster on OpenSSL 3.0. Node 26 rejects a JWK
 * if its public key does not match its private key.
 */
const takesPrivateHalf = probe(() => {
  // Alice's keys from RFC 7748 §6.1.
  const privateHalf = Buffer.from("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", "hex");
  const publicHalf = Buffer.from("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", "hex");
  return publicHalf.equals(fromJwk("X25519", privateHalf).publicKey);
});

function fromJwk(curve: Curve, secret: Uint8Array): Curve25519Key {
  const key = { kty: "OKP", crv: curve, x: "", d: base64url(secret) };
  return withPublicHalf(createPrivateKey({ key, format: "jwk" }));
}

function fromPkcs8(curve: Curve, secret: Uint8Array): Curve25519Key {
  const key = Buffer.from(concatBytes(PKCS8_PREFIXES[curve], secret));
  return withPublicHalf(createPrivateKey({ key, format: "der", type: "pkcs8" }));
}

function withPublicHalf(privateKey: KeyObject): Curve25519Key {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return { privateKey, publicKey: plainBytes(Buffer.from(x ?? "", "base64url")) };
}

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
