import {
  add,
  addAddress,
  address,
  and,
  assemble,
  type Code,
  choose,
  constant,
  get,
  isLess,
  type Local,
  load32,
  multiply,
  or,
  repeatWhile,
  set,
  shiftLeft,
  shiftRight,
  store32,
  subtract,
} from "./assembler.ts";

/** Where the one-time key lies (32 bytes), where the tag comes (16 bytes), and where the message begins. */
export const KEY_AT = 0;
export const TAG_AT = 32;
export const MESSAGE_AT = 64;
/** Bytes of a message that there is room for at first, its last block filled up. */
export const CAPACITY: number = 5 * 65_536 - MESSAGE_AT;

// Numbers modulo 2^130 - 5 are kept as five limbs of 26 bits, so that the products of limbs add up within 64 bits.
const LIMB = 26;
const MASK = constant((1n << 26n) - 1n);
const LIMBS = [0, 1, 2, 3, 4] as const;

const LENGTH: Local = 0;
const [r, s, h, d, g] = [1, 6, 11, 16, 21].map((first) => LIMBS.map((i) => first + i)) as [
  Local[],
  Local[],
  Local[],
  Local[],
  Local[],
];
const CARRY: Local = 26;
const POSITION: Local = 27;

/**
 * Poly1305 (RFC 8439 §2.5) as a WebAssembly module: `run(length)` makes the tag of that many bytes. Behind the message stand a byte 1 and
 * zeros, up to the end of its last block of 16, unless that is whole.
 */
export function poly1305Module(): Uint8Array<ArrayBuffer> {
  return assemble({ parameters: 1, integers: 26, addresses: 1, pages: 5, body: [...readKey(), ...blocks(), ...tag()] });
}

/** The 26 bits of limb `i` of the 128-bit number at an address. */
function limbAt(at: Code, offset: number, i: number): Code {
  // Limb i begins at bit 26 i, which is 2 i bits into byte 3 i.
  return and(shiftRight(load32(at, offset + 3 * i), 2 * i), MASK);
}

/** r, with the bits taken out that the standard takes out, and 5 r. */
function readKey(): Code {
  const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  return LIMBS.flatMap((i) => [
    ...set(r[i]!, and(limbAt(address(KEY_AT), 0, i), constant((clamp >> BigInt(LIMB * i)) & 0x3ffffffn))),
    ...set(s[i]!, multiply(get(r[i]!), constant(5n))),
  ]);
}

/** h = (h + block) r for each block. */
function blocks(): Code {
  const end = addAddress(address(MESSAGE_AT), get(LENGTH));
  const at = get(POSITION);
  // The bit above a whole block; that of a part of one lies in memory already.
  const isWhole = isLess(addAddress(at, address(15)), end);
  const top = choose(isWhole, constant(1n << 24n), constant(0n));
  return [
    ...set(POSITION, address(MESSAGE_AT)),
    ...repeatWhile(isLess(at, end), [
      ...LIMBS.flatMap((i) => {
        const block = limbAt(at, 0, i);
        return set(h[i]!, add(get(h[i]!), i === 4 ? or(block, top) : block));
      }),
      ...LIMBS.flatMap((i) => set(d[i]!, add(...LIMBS.map((j) => multiply(get(h[j]!), get(factor(i, j))))))),
      ...reduce(),
      ...set(POSITION, addAddress(at, address(16))),
    ]),
  ];
}

/** What limb `j` of h is multiplied by for limb `i` of the product: what overflows 2^130 comes back five times. */
function factor(i: number, j: number): Local {
  return j <= i ? r[i - j]! : s[i - j + 5]!;
}

/** From the sums of products in d to limbs in h that are little more than 26 bits long. */
function reduce(): Code {
  return [
    ...set(CARRY, constant(0n)),
    ...LIMBS.flatMap((i) => [
      ...set(d[i]!, add(get(d[i]!), get(CARRY))),
      ...set(CARRY, shiftRight(get(d[i]!), LIMB)),
      ...set(h[i]!, and(get(d[i]!), MASK)),
    ]),
    ...wrapAround(),
  ];
}

/** Adds what was carried out of the highest limb to the lowest ones. */
function wrapAround(): Code {
  return [
    ...set(h[0]!, add(get(h[0]!), multiply(get(CARRY), constant(5n)))),
    ...set(h[1]!, add(get(h[1]!), shiftRight(get(h[0]!), LIMB))),
    ...set(h[0]!, and(get(h[0]!), MASK)),
  ];
}

/** (h mod 2^130 - 5) + the second half of the key, modulo 2^128. */
function tag(): Code {
  const propagate = [
    ...set(CARRY, constant(0n)),
    ...LIMBS.flatMap((i) => [
      ...set(h[i]!, add(get(h[i]!), get(CARRY))),
      ...set(CARRY, shiftRight(get(h[i]!), LIMB)),
      ...set(h[i]!, and(get(h[i]!), MASK)),
    ]),
    ...wrapAround(),
  ];
  return [
    ...propagate,
    ...propagate,
    // g = h + 5 - 2^130, which is not negative where h is 2^130 - 5 or more: then it is what is wanted.
    ...set(CARRY, constant(5n)),
    ...LIMBS.flatMap((i) => [
      ...set(g[i]!, add(get(h[i]!), get(CARRY))),
      ...set(CARRY, shiftRight(get(g[i]!), LIMB)),
      ...set(g[i]!, and(get(g[i]!), MASK)),
    ]),
    // All ones where it is, and else 0: no branch, as everything here is secret.
    ...set(CARRY, subtract(constant(0n), get(CARRY))),
    ...LIMBS.flatMap((i) => {
      const keep = subtract(constant(-1n), get(CARRY));
      return set(h[i]!, or(and(get(h[i]!), keep), and(get(g[i]!), get(CARRY))));
    }),
    ...set(CARRY, constant(0n)),
    ...[0, 1, 2, 3].flatMap((word) => [
      ...set(CARRY, add(get(CARRY), wordOf(word), load32(address(KEY_AT), 16 + 4 * word))),
      ...store32(address(TAG_AT), 4 * word, get(CARRY)),
      ...set(CARRY, shiftRight(get(CARRY), 32)),
    ]),
  ];
}

/** The 32 bits of h that begin at bit 32 `word`. They lie in two limbs. */
function wordOf(word: number): Code {
  const first = Math.floor((32 * word) / LIMB);
  const skipped = 32 * word - LIMB * first;
  const both = or(shiftRight(get(h[first]!), skipped), shiftLeft(get(h[first + 1]!), LIMB - skipped));
  return and(both, constant(0xffffffffn));
}
