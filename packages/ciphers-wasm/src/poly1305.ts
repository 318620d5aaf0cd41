import {
  add,
  addAddress,
  address,
  and,
  type Code,
  choose,
  constant,
  each,
  type FunctionCode,
  get,
  inOrder,
  isLess,
  lanes,
  load32,
  multiply,
  or,
  repeatWhile,
  set,
  shiftLeft,
  shiftRight,
  store32,
  storeVector,
  subtract,
  when,
} from "./assembler.ts";
import { carry, LIMB, LIMBS, limbAt, multiplyByR, wrapAround } from "./limbs.ts";
import { PACKET_AT, POLY1305_KEY_AT, TAG_AT } from "./memory.ts";
import { passes } from "./passes.ts";
import { CARRY, COUNTS, g, h, LENGTH, POSITION, r, s } from "./poly1305-variables.ts";

/** Packet length in bytes from which vectors are faster, including the time to compute their factors. */
const LONG = 512;

/**
 * Computes the tag of the packet under the one-time key in memory (RFC 8439 §2.5). Parameter: the packet length in bytes. Overwrites the 16
 * bytes after the packet.
 */
export function poly1305(): FunctionCode {
  const body = inOrder(
    // Pad a partial last block of 16 bytes with a byte of 1, then zeros.
    storeVector(addAddress(address(PACKET_AT), get(LENGTH)), 0, lanes(1, 0, 0, 0)),
    readKey(),
    set(POSITION, address(PACKET_AT)),
    when(isLess(address(LONG - 1), get(LENGTH)), passes()),
    blocks(),
    tag(),
  );
  return { name: "poly1305", ...COUNTS, body };
}

/** Loads r, clamped (RFC 8439 §2.5), and computes 5 r. */
function readKey(): Code {
  const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  return each(LIMBS, (i) => [
    set(r[i]!, and(limbAt(address(POLY1305_KEY_AT), 0, i), constant((clamp >> BigInt(LIMB * i)) & 0x3ffffffn))),
    set(s[i]!, multiply(get(r[i]!), constant(5n))),
  ]);
}

/** Computes h = (h + block) r for each remaining block. */
function blocks(): Code {
  const end = addAddress(address(PACKET_AT), get(LENGTH));
  const at = get(POSITION);
  // Adds the bit above a whole block. A partial block has that bit in memory already.
  const isWhole = isLess(addAddress(at, address(15)), end);
  const top = choose(isWhole, constant(1n << 24n), constant(0n));
  return repeatWhile(
    isLess(at, end),
    each(LIMBS, (i) => {
      const block = limbAt(at, 0, i);
      return set(h[i]!, add(get(h[i]!), i === 4 ? or(block, top) : block));
    }),
    multiplyByR(),
    set(POSITION, addAddress(at, address(16))),
  );
}

/** Computes the tag: (h mod 2^130 - 5) + the second half of the key, modulo 2^128. */
function tag(): Code {
  const propagate = inOrder(carry(h, h, 0n), wrapAround());
  return inOrder(
    propagate,
    propagate,
    // If h is at least 2^130 - 5, the reduced value is g = h + 5 - 2^130; otherwise it is h.
    carry(h, g, 5n),
    // A mask selects g (all ones) or h (0). A branch would depend on a secret.
    set(CARRY, subtract(constant(0n), get(CARRY))),
    each(LIMBS, (i) => {
      const keep = subtract(constant(-1n), get(CARRY));
      return set(h[i]!, or(and(get(h[i]!), keep), and(get(g[i]!), get(CARRY))));
    }),
    set(CARRY, constant(0n)),
    each([0, 1, 2, 3], (word) => [
      set(CARRY, add(get(CARRY), wordOf(word), load32(address(POLY1305_KEY_AT), 16 + 4 * word))),
      store32(address(TAG_AT), 4 * word, get(CARRY)),
      set(CARRY, shiftRight(get(CARRY), 32)),
    ]),
  );
}

/** Returns the 32 bits of h from bit 32 · `word` on, which are in two limbs. */
function wordOf(word: number): Code {
  const first = Math.floor((32 * word) / LIMB);
  const skipped = 32 * word - LIMB * first;
  const both = or(shiftRight(get(h[first]!), skipped), shiftLeft(get(h[first + 1]!), LIMB - skipped));
  return and(both, constant(0xffffffffn));
}
