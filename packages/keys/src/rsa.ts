import { bigIntToBytes, bytesToBigInt, concatBytes, equalBytes, type RandomSource, SshError } from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { type KeyBounds, type KeyMaker, type PrivateKey, type SignatureAlgorithm, VALID } from "./key.ts";
import { bitLength, modInverse, modPow, randomBelow } from "./modular.ts";
import type { Sign } from "./private-key.ts";
import { checkedRsaPrivateKey, RSA, type RsaFields, readRsaNumbers, rsaPrivateKeyWith } from "./rsa-format.ts";
import { readSignature } from "./signature.ts";

/** RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8332 §3). */
export const rsaSha2_256: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("rsa-sha2-256");
/** RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8332 §3). */
export const rsaSha2_512: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("rsa-sha2-512");

/** Makes RSA keys from their values. */
export const rsaMaker: KeyMaker<RsaFields> = {
  name: RSA,
  make: (fields, bounds) => rsaPrivateKeyWith(fields, signing, bounds),
};

/** Builds a private key from values that are already checked. */
export function privateKeyOf(fields: RsaFields): PrivateKey {
  return checkedRsaPrivateKey(fields, signing(fields));
}

function signing(fields: RsaFields): Sign {
  const { n, d, p, q } = fields;
  const key = { ...fields, dp: d % (p - 1n), dq: d % (q - 1n) };
  const length = Math.ceil(bitLength(n) / 8);
  return (algorithm, data, random) => {
    const message = bytesToBigInt(encodeMessage(algorithm as RsaAlgorithm, data, length));
    return bigIntToBytes(privateOperation(key, message, random), length);
  };
}

/** Returns message^d mod n, by the Chinese remainder theorem (RFC 8017 §5.2.1). */
function privateOperation(
  key: RsaFields & { readonly dp: bigint; readonly dq: bigint },
  message: bigint,
  random: RandomSource,
): bigint {
  const { n, e, p, q, dp, dq, iqmp } = key;
  // BigInt is not constant-time, so the message is multiplied by a secret random number before the exponentiations.
  // rule: rsa-blinding
  const blind = 1n + randomBelow(n - 1n, random);
  const unblind = modInverse(blind, n);
  const blinded = (message * modPow(blind, e, n)) % n;

  const sp = modPow(blinded, dp, p);
  const sq = modPow(blinded, dq, q);
  const h = (iqmp * (sp + p - (sq % p))) % p;
  const signature = ((sq + h * q) * unblind) % n;

  // If a fault changed only one half, anyone with the signature could factor n (Boneh, DeMillo, Lipton 1997).
  if (modPow(signature, e, n) !== message)
    throw new SshError("internal", "RSA signature failed verification after signing and was withheld");
  return signature;
}

type RsaAlgorithm = "rsa-sha2-256" | "rsa-sha2-512";

function signatureAlgorithm(name: RsaAlgorithm, bounds?: KeyBounds): SignatureAlgorithm {
  return {
    name,
    signatureName: name,
    keyFormat: RSA,
    withMinRsaBits: (bits) => signatureAlgorithm(name, { minRsaBits: bits }),
    verify(publicKey, data, signature) {
      const { n, e } = readRsaNumbers(publicKey, bounds);
      const blob = readSignature(name, signature);
      const length = Math.ceil(bitLength(n) / 8);
      // Accept a signature shorter than the modulus: some signers omit leading zeros. RFC 8332 §3 allows this, and OpenSSH does the same.
      if (blob === undefined || blob.length > length) return undefined;
      const s = bytesToBigInt(blob);
      if (s >= n) return undefined;
      // Build the expected message and compare it as a whole; never parse the padding (RFC 8017 §8.2.2).
      // rule: rsa-whole-message
      return equalBytes(bigIntToBytes(modPow(s, e, n), length), encodeMessage(name, data, length)) ? VALID : undefined;
    },
  };
}

/** Returns the EMSA-PKCS1-v1_5 encoding of `data` in `length` bytes (RFC 8017 §9.2). */
function encodeMessage(algorithm: RsaAlgorithm, data: Uint8Array, length: number): Uint8Array {
  const digest = algorithm === "rsa-sha2-256" ? sha256(data) : sha512(data);
  const size = digest.length;
  // DER of a DigestInfo. The object identifiers are 2.16.840.1.101.3.4.2.1 for SHA-256 and .3 for SHA-512 (RFC 8017 §9.2 note 1).
  const hash = algorithm === "rsa-sha2-256" ? 1 : 3;
  const info = [
    0x30,
    0x11 + size,
    0x30,
    0x0d,
    0x06,
    0x09,
    0x60,
    0x86,
    0x48,
    0x01,
    0x65,
    0x03,
    0x04,
    0x02,
    hash,
    0x05,
    0x00,
    0x04,
    size,
  ];
  const padding = new Uint8Array(length - 3 - info.length - size).fill(0xff);
  return concatBytes(Uint8Array.of(0, 1), padding, Uint8Array.of(0, ...info), digest);
}
