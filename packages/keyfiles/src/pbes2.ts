import { type RandomSource, SshError } from "@nacre/wire";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import type { CHash } from "@noble/hashes/utils.js";
import { cbcDecrypt, cbcEncrypt } from "./cbc-padding.ts";
import { DerReader, der } from "./der.ts";
import { type KeyFileLimits, overLimit } from "./limits.ts";
import { pbkdf2 } from "./pbkdf2.ts";
import { scrypt } from "./scrypt.ts";

const OID_PBES2 = "1.2.840.113549.1.5.13";
const OID_PBKDF2 = "1.2.840.113549.1.5.12";
const OID_SCRYPT = "1.3.6.1.4.1.11591.4.11";
const OID_HMAC_SHA1 = "1.2.840.113549.2.7";
const OID_HMAC_SHA256 = "1.2.840.113549.2.9";
const OID_AES256_CBC = "2.16.840.1.101.3.4.1.42";

const PRFS: ReadonlyMap<string, CHash> = new Map([
  [OID_HMAC_SHA1, sha1],
  [OID_HMAC_SHA256, sha256],
  ["1.2.840.113549.2.10", sha384],
  ["1.2.840.113549.2.11", sha512],
]);
/** Key lengths of the ciphers (RFC 8018 §B.2.5). */
const CIPHERS: ReadonlyMap<string, number> = new Map([
  ["2.16.840.1.101.3.4.1.2", 16],
  ["2.16.840.1.101.3.4.1.22", 24],
  [OID_AES256_CBC, 32],
]);

type DeriveKey = (passphrase: Uint8Array) => Generator<void, Uint8Array>;

/** Decrypts the content of a checked EncryptedPrivateKeyInfo (RFC 5958 §3). Returns `undefined` if the padding is invalid. */
export type Unlock = (passphrase: Uint8Array) => Generator<void, Uint8Array | undefined>;

/** Reads an EncryptedPrivateKeyInfo with PBES2 (RFC 8018 §6.2). Throws `file-malformed`, and `key-unsupported` for other schemes. */
export function readPbes2(bytes: Uint8Array, limits: KeyFileLimits): Unlock {
  const outer = new DerReader(bytes, "PKCS#8");
  const reader = outer.sequence("EncryptedPrivateKeyInfo");
  outer.end();
  const algorithm = reader.sequence("encryptionAlgorithm");
  const ciphertext = reader.octets("encryptedData");
  reader.end();
  const scheme = algorithm.oid("algorithm");
  if (scheme !== OID_PBES2) throw unknownScheme(`scheme ${scheme}`);
  const parameters = algorithm.sequence("parameters");
  algorithm.end();
  const derivation = parameters.sequence("keyDerivationFunc");
  const encryption = parameters.sequence("encryptionScheme");
  parameters.end();

  const cipher = encryption.oid("algorithm");
  const keyLength = CIPHERS.get(cipher);
  if (keyLength === undefined) throw unknownScheme(`cipher ${cipher}`);
  const iv = encryption.octets("iv");
  encryption.end();
  if (iv.length !== 16) encryption.fail("iv", `has ${iv.length} bytes, expected 16`);
  if (ciphertext.length === 0 || ciphertext.length % 16 !== 0)
    reader.fail("encryptedData", `has ${ciphertext.length} bytes, expected a positive multiple of 16`);
  const deriveKey = readDerivation(derivation, keyLength, limits);

  return function* (passphrase) {
    const key = yield* deriveKey(passphrase);
    const plain = cbcDecrypt(key, iv, ciphertext);
    key.fill(0);
    return plain;
  };
}

function readDerivation(reader: DerReader, keyLength: number, limits: KeyFileLimits): DeriveKey {
  const oid = reader.oid("algorithm");
  if (oid !== OID_PBKDF2 && oid !== OID_SCRYPT) throw unknownScheme(`key derivation ${oid}`);
  const parameters = reader.sequence("parameters");
  reader.end();
  const salt = parameters.octets("salt");
  return oid === OID_PBKDF2
    ? readPbkdf2(parameters, salt, keyLength, limits)
    : readScrypt(parameters, salt, keyLength, limits);
}

/** Reads the fields of PBKDF2-params that follow the salt (RFC 8018 §A.2). */
function readPbkdf2(reader: DerReader, salt: Uint8Array, keyLength: number, limits: KeyFileLimits): DeriveKey {
  const iterations = reader.integer("iterationCount");
  if (iterations === 0n) reader.fail("iterationCount", "is 0");
  if (iterations > BigInt(limits.maxPbkdf2Iterations))
    throw overLimit(`${shown(iterations)} PBKDF2 iterations`, "maxPbkdf2Iterations", limits.maxPbkdf2Iterations);
  readKeyLength(reader, keyLength);
  let prf = OID_HMAC_SHA1;
  if (!reader.done) {
    const algorithm = reader.sequence("prf");
    prf = algorithm.oid("algorithm");
    if (!algorithm.done) algorithm.null("parameters");
    algorithm.end();
  }
  reader.end();
  const hash = PRFS.get(prf);
  if (hash === undefined) throw unknownScheme(`PBKDF2 with ${prf}`);
  return (passphrase) => pbkdf2(hash, passphrase, salt, Number(iterations), keyLength);
}

/** Reads the fields of scrypt-params that follow the salt (RFC 7914 §7.1). */
function readScrypt(reader: DerReader, salt: Uint8Array, keyLength: number, limits: KeyFileLimits): DeriveKey {
  const cost = reader.integer("costParameter");
  const blockSize = reader.integer("blockSize");
  const parallelization = reader.integer("parallelizationParameter");
  readKeyLength(reader, keyLength);
  reader.end();
  if (cost < 2n || (cost & (cost - 1n)) !== 0n) reader.fail("costParameter", "is not a power of two above 1");
  if (blockSize === 0n || parallelization === 0n) reader.fail("blockSize or parallelizationParameter", "is 0");
  const memory = 128n * blockSize * (cost + parallelization);
  if (memory > BigInt(limits.maxScryptMemory))
    throw overLimit(`${shown(memory)} bytes of memory for scrypt`, "maxScryptMemory", limits.maxScryptMemory);
  // The parameter multiplies the time. All known programs write 1.
  if (parallelization > 16n) throw unknownScheme(`scrypt with a parallelizationParameter above 16`);
  const costs = { n: Number(cost), r: Number(blockSize), p: Number(parallelization) };
  return (passphrase) => scrypt(passphrase, salt, costs, keyLength);
}

/** Reads the optional keyLength of both derivations. It must match the cipher. */
function readKeyLength(reader: DerReader, expected: number): void {
  if (reader.nextIs(0x02) && reader.number("keyLength", 1024) !== expected)
    reader.fail("keyLength", `does not match the cipher, expected ${expected}`);
}

/** A file can contain a number of any length, so larger ones are not shown in full. */
function shown(value: bigint): string {
  return value < 1n << 64n ? String(value) : "over 2^64";
}

function unknownScheme(what: string): SshError {
  return new SshError(
    "key-unsupported",
    `unsupported encryption of the key file: ${what}; re-encrypt it with \`ssh-keygen -p\`, or with \`openssl pkcs8 -topk8 -v2 aes-256-cbc\``,
  );
}

/** Encodes an EncryptedPrivateKeyInfo: PBES2 with PBKDF2, HMAC-SHA-256 and aes-256-cbc, which OpenSSL supports since version 1.0. */
export function* writePbes2(
  plain: Uint8Array,
  passphrase: Uint8Array,
  iterations: number,
  random: RandomSource,
): Generator<void, Uint8Array> {
  const salt = random(16);
  const iv = random(16);
  const key = yield* pbkdf2(sha256, passphrase, salt, iterations, 32);
  const ciphertext = cbcEncrypt(key, iv, plain);
  key.fill(0);
  const prf = der.sequence(der.oid(OID_HMAC_SHA256), der.null());
  const derivation = der.sequence(der.oid(OID_PBKDF2), der.sequence(der.octets(salt), der.integer(iterations), prf));
  const encryption = der.sequence(der.oid(OID_AES256_CBC), der.octets(iv));
  return der.sequence(der.sequence(der.oid(OID_PBES2), der.sequence(derivation, encryption)), der.octets(ciphertext));
}
