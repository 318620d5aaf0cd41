import { createHash, type Hash } from "node:crypto";
import * as noble from "@noble/hashes/sha3.js";

// SHA-3 and SHAKE for ML-KEM in the command, on node:crypto: the part of `@noble/hashes/sha3.js` that noble's ML-KEM uses. The command
// makes one key pair per connection, and V8 interprets its first thousand Keccak rounds in tens of milliseconds.

/** Bytes that a SHAKE reader computes at first: four blocks of SHAKE128, from which ML-KEM almost always samples a polynomial. */
const FIRST_OUTPUT = 672;

/** A hash that absorbs bytes and returns a digest. With SHAKE, `xofInto` may be called any number of times in place of `digest`. */
class Sponge {
  readonly #hash: Hash;
  /** Output that `xofInto` has requested so far, from the start. */
  #output: Uint8Array = new Uint8Array(0);
  #taken = 0;

  constructor(name: string, outputLength: number) {
    this.#hash = createHash(name, { outputLength });
  }

  update(data: Uint8Array): this {
    this.#hash.update(data);
    return this;
  }

  digest(): Uint8Array {
    return plainBytes(this.#hash.digest());
  }

  /** Fills `out` with the next bytes of the output. */
  xofInto(out: Uint8Array): Uint8Array {
    const end = this.#taken + out.length;
    if (end > this.#output.length) {
      const outputLength = Math.max(FIRST_OUTPUT, 2 * end);
      this.#output = plainBytes(this.#hash.copy({ outputLength }).digest());
    }
    out.set(this.#output.subarray(this.#taken, end));
    this.#taken = end;
    return out;
  }

  destroy(): void {
    this.#output.fill(0);
  }
}

/** Options of noble's SHAKE: the length of the digest in bytes. */
interface ShakeOptions {
  readonly dkLen?: number | undefined;
}

/** A hash that is being computed, and for SHAKE its reader. */
interface Hashing {
  update(data: Uint8Array): this;
  digest(): Uint8Array;
  destroy(): void;
}

interface Reading extends Hashing {
  xofInto(out: Uint8Array): Uint8Array;
}

interface HashFunction<T extends Hashing> {
  (data: Uint8Array): Uint8Array;
  readonly blockLen: number;
  create(options?: ShakeOptions): T;
}

function onNode(name: string, outputLength: number, blockLen: number): HashFunction<Reading> {
  const create = ({ dkLen = outputLength }: ShakeOptions = {}): Sponge => new Sponge(name, dkLen);
  return Object.assign((data: Uint8Array) => create().update(data).digest(), { blockLen, create });
}

/** Returns whether node:crypto has these functions, with outputs of any length. Other libraries than OpenSSL may lack them. */
function isSupported(): boolean {
  try {
    createHash("sha3-256");
    createHash("sha3-512");
    createHash("shake256", { outputLength: 8 });
    return createHash("shake128", { outputLength: 8 }).copy({ outputLength: 600 }).digest().length === 600;
  } catch {
    return false;
  }
}

const native = isSupported();

export const sha3_256: HashFunction<Hashing> = native ? onNode("sha3-256", 32, 136) : noble.sha3_256;
export const sha3_512: HashFunction<Hashing> = native ? onNode("sha3-512", 64, 72) : noble.sha3_512;
export const shake128: HashFunction<Reading> = native ? onNode("shake128", 16, 168) : noble.shake128;
export const shake256: HashFunction<Reading> = native ? onNode("shake256", 32, 136) : noble.shake256;

/** Returns the same memory as a plain `Uint8Array`: a `Buffer` has another `slice`. */
function plainBytes(buffer: Buffer<ArrayBuffer>): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
