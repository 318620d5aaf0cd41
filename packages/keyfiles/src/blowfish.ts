import { piFraction } from "./pi.ts";

const ROUND_KEYS = 18;
const BOXES = 4 * 256;

let initialState: Int32Array | undefined;

/** Returns the initial round keys (18) and S-boxes (4): the first 1,042 words of π's fraction. Computed on first use. */
function initial(): Int32Array {
  if (initialState === undefined) {
    const words = ROUND_KEYS + BOXES;
    const hex = piFraction(32 * words)
      .toString(16)
      .padStart(8 * words, "0");
    initialState = Int32Array.from({ length: words }, (_, i) => Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16) | 0);
  }
  return initialState;
}

/**
 * Blowfish with bcrypt's "eksblowfish" key schedule (Provos and Mazières, "A Future-Adaptable Password Scheme", §3). Implements only the
 * parts that bcrypt-pbkdf uses: keys and salts of 64 bytes, given as 16 big-endian words.
 */
export class Blowfish {
  readonly #p: Int32Array = initial().slice(0, ROUND_KEYS);
  readonly #s: Int32Array = initial().slice(ROUND_KEYS);

  /** Mixes `key`, and `salt` if given, into the state. Both have 16 words and are not modified. */
  expand(key: Int32Array, salt?: Int32Array): void {
    const p = this.#p;
    const s = this.#s;
    for (let i = 0; i < ROUND_KEYS; i++) p[i] = p[i]! ^ key[i & 15]!;
    const block = new Int32Array(2);
    let at = 0;
    for (const table of [p, s]) {
      for (let i = 0; i < table.length; i += 2) {
        if (salt !== undefined) {
          block[0] = block[0]! ^ salt[at]!;
          block[1] = block[1]! ^ salt[at + 1]!;
          at = (at + 2) & 15;
        }
        encipher(p, s, block, 0);
        table[i] = block[0]!;
        table[i + 1] = block[1]!;
      }
    }
  }

  /** Encrypts the block of two words at `offset` in place. */
  encipher(words: Int32Array, offset: number): void {
    encipher(this.#p, this.#s, words, offset);
  }

  /** Overwrites the keyed state with zeros. */
  clear(): void {
    this.#p.fill(0);
    this.#s.fill(0);
  }
}

function encipher(p: Int32Array, s: Int32Array, words: Int32Array, offset: number): void {
  let left = words[offset]! ^ p[0]!;
  let right = words[offset + 1]!;
  for (let i = 1; i < 17; i += 2) {
    right ^=
      p[i]! ^
      ((((s[left >>> 24]! + s[256 | ((left >>> 16) & 255)]!) ^ s[512 | ((left >>> 8) & 255)]!) +
        s[768 | (left & 255)]!) |
        0);
    left ^=
      p[i + 1]! ^
      ((((s[right >>> 24]! + s[256 | ((right >>> 16) & 255)]!) ^ s[512 | ((right >>> 8) & 255)]!) +
        s[768 | (right & 255)]!) |
        0);
  }
  words[offset] = right ^ p[17]!;
  words[offset + 1] = left;
}
