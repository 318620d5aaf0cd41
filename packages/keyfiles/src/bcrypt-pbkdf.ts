import { SshError } from "@nacre/wire";
import { sha512 } from "@noble/hashes/sha2.js";
import { Blowfish } from "./blowfish.ts";

/** The text that bcrypt-pbkdf enciphers, 32 bytes. */
const MAGIC = "OxychromaticBlowfishSwatDynamite";
const HASH_LENGTH = 32;
const COST = 64;
/** Expansions of the key schedule between two yields: about a millisecond and a half. */
const SLICE = 16;

/**
 * The key derivation of OpenSSH's encrypted private keys (OpenBSD's bcrypt_pbkdf), in steps: it yields every one or two
 * milliseconds and returns `length` bytes. The time grows with `rounds` times `length` / 32. Blowfish looks up tables by
 * secret values, so the passphrase is not safe from someone who can watch the processor's caches meanwhile.
 *
 * Throws `usage` for an empty passphrase or salt, for `rounds` that is no integer ≥ 1, and a `length` outside 1…1024.
 */
export function* bcryptPbkdf(
  passphrase: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Generator<void, Uint8Array> {
  if (passphrase.length === 0 || salt.length === 0)
    throw new SshError("usage", "bcrypt-pbkdf needs a passphrase and a salt that are not empty");
  if (!(Number.isSafeInteger(rounds) && rounds >= 1))
    throw new SshError("usage", `bcrypt-pbkdf cannot do ${rounds} rounds`);
  if (!(Number.isInteger(length) && length >= 1 && length <= 1024))
    throw new SshError("usage", `bcrypt-pbkdf gives 1 to 1024 bytes, not ${length}`);

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
    // Unlike PBKDF2 the blocks are interleaved: each gives every `blocks`-th byte.
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
  // Words go in big-endian and come out little-endian: a slip of the first implementation that became the format.
  const out = new Uint8Array(HASH_LENGTH);
  for (let i = 0; i < HASH_LENGTH; i++) out[i] = text[i >> 2]! >>> (8 * (i & 3));
  return out;
}

/** 64 bytes as 16 big-endian words. */
function toWords(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(bytes.length / 4);
  for (let i = 0; i < bytes.length; i++) words[i >> 2] = (words[i >> 2]! << 8) | bytes[i]!;
  return words;
}
