import { SshError } from "@nacre/wire";
import { sha512 } from "@noble/hashes/sha2.js";
import { Blowfish } from "./blowfish.ts";

/** Plaintext that bcrypt-pbkdf encrypts, 32 bytes. */
const MAGIC = "OxychromaticBlowfishSwatDynamite";
const HASH_LENGTH = 32;
const COST = 64;
/** Key schedule iterations between two yields; about 1.5 ms. */
const SLICE = 16;

/**
 * Derives `length` bytes from a passphrase, as OpenSSH does for encrypted private keys (OpenBSD's bcrypt_pbkdf). Yields every one to two
 * milliseconds. The total time is proportional to `rounds` · `length` / 32. Not safe against cache-timing attacks: Blowfish uses secret
 * values as table indexes.
 *
 * Throws `usage` if the passphrase or salt is empty, `rounds` is not an integer ≥ 1, or `length` is outside 1…1024.
 */
export function* bcryptPbkdf(
  passphrase: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Generator<void, Uint8Array> {
  if (passphrase.length === 0 || salt.length === 0)
    throw new SshError("usage", "bcrypt-pbkdf requires a non-empty passphrase and salt");
  if (!(Number.isSafeInteger(rounds) && rounds >= 1))
    throw new SshError("usage", `bcrypt-pbkdf rounds must be a positive integer, got ${rounds}`);
  if (!(Number.isInteger(length) && length >= 1 && length <= 1024))
    throw new SshError("usage", `bcrypt-pbkdf output length must be 1 to 1024 bytes, got ${length}`);

  const key = toWords(sha512(passphrase));
  const out = new Uint8Array(length);
  const blocks = Math.ceil(length / HASH_LENGTH);
  for (let block = 0; block < blocks; block++) {
    const number = new Uint8Array([0, 0, 0, block + 1]);
    let hash = yield* bcryptHash(key, sha512.create().update(salt).update(number).digest());
    const sum = hash.slice();
    for (let round = 1; round < rounds; round++) {
      hash = yield* bcryptHash(key, sha512(hash));
      for (let i = 0; i < HASH_LENGTH; i++) sum[i]! ^= hash[i]!;
    }
    // Unlike in PBKDF2, the blocks are interleaved: each fills every `blocks`-th byte.
    for (let i = 0; i * blocks + block < length; i++) out[i * blocks + block] = sum[i]!;
  }
  key.fill(0);
  return out;
}

function* bcryptHash(key: Int32Array, saltBytes: Uint8Array): Generator<void, Uint8Array> {
  const salt = toWords(saltBytes);
  const blowfish = new Blowfish();
  blowfish.expand(key, salt);
  for (let i = 0; i < COST; i++) {
    blowfish.expand(salt);
    blowfish.expand(key);
    if (i % SLICE === SLICE - 1) yield;
  }
  const text = new Int32Array(HASH_LENGTH / 4);
  for (let i = 0; i < HASH_LENGTH; i++) text[i >> 2] = (text[i >> 2]! << 8) | MAGIC.charCodeAt(i);
  for (let i = 0; i < COST; i++) for (let at = 0; at < text.length; at += 2) blowfish.encipher(text, at);
  blowfish.clear();
  // Input words are big-endian, output words little-endian: a bug of the first implementation that became part of the format.
  const out = new Uint8Array(HASH_LENGTH);
  for (let i = 0; i < HASH_LENGTH; i++) out[i] = text[i >> 2]! >>> (8 * (i & 3));
  return out;
}

/** Converts 64 bytes to 16 big-endian words. */
function toWords(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(bytes.length / 4);
  for (let i = 0; i < bytes.length; i++) words[i >> 2] = (words[i >> 2]! << 8) | bytes[i]!;
  return words;
}
