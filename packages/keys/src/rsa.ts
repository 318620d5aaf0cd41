import { bigIntToBytes, bytesToBigInt, concatBytes, equalBytes, type RandomSource, SshError } from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { PrivateKey, RsaFields, SignatureAlgorithm } from "./key.ts";
import { bitLength, modInverse, modPow, randomBelow } from "./modular.ts";
import type { Sign } from "./private-key.ts";
import { checkedRsaPrivateKey, RSA, readRsaNumbers, rsaPrivateKeyWith } from "./rsa-values.ts";
import { readSignature } from "./signature.ts";

/** RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8332 §3). */
export const rsaSha2_256: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("rsa-sha2-256");
/** RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8332 §3). */
export const rsaSha2_512: SignatureAlgorithm = /* @__PURE__ */ signatureAlgorithm("rsa-sha2-512");

/** A private key from its values. Throws `key-weak` or `key-malformed` as {@link rsaPrivateKeyWith} does. */
export function rsaPrivateKey(fields: RsaFields): PrivateKey {
  return rsaPrivateKeyWith(fields, signing);
}

/** A key whose values are known to be right. */
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

/** message^d mod n (RFC 8017 §5.2.1), by the Chinese remainder theorem. */
function privateOperation(
  key: RsaFields & { readonly dp: bigint; readonly dq: bigint },
  message: bigint,
  random: RandomSource,
): bigint {
  const { n, e, p, q, dp, dq, iqmp } = key;
  // BigInt takes a time that depends on its operands: the exponentiations see a number that nobody else knows.
  // rule: rsa-blinding
  const blind = 1n + randomBelow(n - 1n, random);
  const unblind = modInverse(blind, n);
  const blinded = (message * modPow(blind, e, n)) % n;

  const sp = modPow(blinded, dp, p);
  const sq = modPow(blinded, dq, q);
  const h = (iqmp * (sp + p - (sq % p))) % p;
  const signature = ((sq + h * q) * unblind) % n;

  // A fault in one half alone would reveal the factors to every reader of the signature (Boneh, DeMillo, Lipton 1997).
  if (modPow(signature, e, n) !== message)
    throw new SshError("internal", "an RSA signature came out wrong and was withheld");
  return signature;
}

type RsaAlgorithm = "rsa-sha2-256" | "rsa-sha2-512";

function signatureAlgorithm(name: RsaAlgorithm): SignatureAlgorithm {
  return {
    name,
    keyFormat: RSA,
    verify(publicKey, data, signature) {
      const { n, e } = readRsaNumbers(publicKey);
      const blob = readSignature(name, signature);
      const length = Math.ceil(bitLength(n) / 8);
      // RFC 8332 §3: the length is the modulus's, but signers exist that leave leading zeros out, and a verifier may accept that. OpenSSH does.
      if (blob === undefined || blob.length > length) return false;
      const s = bytesToBigInt(blob);
      if (s >= n) return false;
      // RFC 8017 §8.2.2: what was signed is built anew and compared as a whole. Nothing of the padding is parsed.
      // rule: rsa-whole-message
      return equalBytes(bigIntToBytes(modPow(s, e, n), length), encodeMessage(name, data, length));
    },
  };
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): `length` bytes. */
function encodeMessage(algorithm: RsaAlgorithm, data: Uint8Array, length: number): Uint8Array {
  const digest = algorithm === "rsa-sha2-256" ? sha256(data) : sha512(data);
  const size = digest.length;
  // The DER of a DigestInfo, whose object identifiers differ in the last number: 2.16.840.1.101.3.4.2.1 and .3 (RFC 8017 §9.2 note 1).
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
