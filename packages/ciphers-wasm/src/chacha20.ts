import {
  addAddress,
  addLanes,
  address,
  alike,
  type Code,
  call,
  each,
  type FunctionCode,
  get,
  inAllLanes,
  inOrder,
  isLess,
  type Local,
  lanes,
  loadAlike,
  loadFirst,
  loadVector,
  order,
  orLanes,
  repeatWhile,
  reversed,
  set,
  shiftLanesLeft,
  shiftLanesRight,
  shuffle,
  storeVector,
  when,
  xorLanes,
} from "./assembler.ts";
import {
  BLOCK,
  BODY_AT,
  BODY_STREAM_AT,
  FIRST_OF_BODY,
  GROUP,
  KEYS_AT,
  LENGTH_KEY_AT,
  PACKET_AT,
  STATE_AT,
  STREAM_AT,
} from "./memory.ts";

// The original ChaCha20 by Bernstein, with a 64-bit block counter and a 64-bit nonce: the sequence number of the packet. Computes four
// blocks at a time, with a vector for each word of the state and a lane for each block, so that no data moves between lanes until the end.
// Measured in V8: a vector for each row is 20 % slower; unrolling the loop or other rotations are not faster.

const CONSTANTS = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574] as const;
const KEY_WORDS = [4, 5, 6, 7, 8, 9, 10, 11] as const;
const COUNTER = 12;
/** Words that are 0 in packets of less than 2^32 blocks: the upper halves of the counter and of the sequence number. */
const ALWAYS_ZERO = [13, 14] as const;
const NONCE = 15;

const wordAt = (word: number): number => STATE_AT + 16 * word;
const store = (word: number, value: Code): Code => storeVector(address(0), wordAt(word), value);
const load = (at: number): Code => loadVector(address(0), at);

/** XORs four blocks of key stream into the 256 bytes at an address. Does not change the state. */
export function addGroup(): FunctionCode {
  const at: Local = 0;
  const doubleRound: Local = 1;
  const x: readonly Local[] = Array.from({ length: 16 }, (_, word) => 2 + word);
  const half: readonly Local[] = [18, 19, 20, 21];
  const body = inOrder(
    each(x, (local, word) => set(local, load(wordAt(word)))),
    repeatWhile(
      isLess(get(doubleRound), address(10)),
      each([0, 1, 2, 3], (i) => quarterRound(x[i]!, x[4 + i]!, x[8 + i]!, x[12 + i]!)),
      each([0, 1, 2, 3], (i) =>
        quarterRound(x[i]!, x[4 + ((i + 1) & 3)]!, x[8 + ((i + 2) & 3)]!, x[12 + ((i + 3) & 3)]!),
      ),
      set(doubleRound, addAddress(get(doubleRound), address(1))),
    ),
    each(x, (local, word) => set(local, addLanes(get(local), load(wordAt(word))))),
    // Transpose: four words of four blocks become a quarter of each block.
    each([0, 4, 8, 12], (word) => [
      each([order(0, 4, 1, 5), order(2, 6, 3, 7)], (words, i) => [
        set(half[2 * i]!, shuffle(get(x[word]!), get(x[word + 1]!), words)),
        set(half[2 * i + 1]!, shuffle(get(x[word + 2]!), get(x[word + 3]!), words)),
      ]),
      each([0, 1, 2, 3], (block) => {
        const pair = block & 2;
        const words = block & 1 ? order(2, 3, 6, 7) : order(0, 1, 4, 5);
        const offset = BLOCK * block + 4 * word;
        const stream = shuffle(get(half[pair]!), get(half[pair + 1]!), words);
        return storeVector(get(at), offset, xorLanes(loadVector(get(at), offset), stream));
      }),
    ]),
  );
  return { parameters: 1, addresses: 1, vectors: x.length + half.length, body };
}

function quarterRound(a: Local, b: Local, c: Local, d: Local): Code {
  return inOrder(step(a, b, d, 16), step(c, d, b, 12), step(a, b, d, 8), step(c, d, b, 7));
}

/** `sum += term; other = rotateLeft(other ^ sum, bits)` */
function step(sum: Local, term: Local, other: Local, bits: number): Code {
  return inOrder(
    set(sum, addLanes(get(sum), get(term))),
    set(other, xorLanes(get(other), get(sum))),
    set(other, rotateLeft(get(other), bits)),
  );
}

/** Rotates each lane. Whole bytes use a shuffle: one or two machine instructions instead of three. */
function rotateLeft(value: Code, bits: number): Code {
  if (bits === 16) return shuffle(value, value, BY_TWO_BYTES);
  if (bits === 8) return shuffle(value, value, BY_ONE_BYTE);
  return orLanes(shiftLanesLeft(value, bits), shiftLanesRight(value, 32 - bits));
}

const BY_TWO_BYTES = order(1, 0, 3, 2, 5, 4, 7, 6);
const BY_ONE_BYTE = order(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);

const STREAM = Array.from({ length: GROUP / 16 }, (_, i) => STREAM_AT + 16 * i);

/** Computes the first four blocks of the key stream for a packet. Parameter: the sequence number. */
export function beginPacket(addGroup: number): FunctionCode {
  const sequenceNumber = get(0);
  const body = inOrder(
    each(CONSTANTS, (value, word) => store(word, alike(value))),
    each(KEY_WORDS, (word, i) =>
      store(word, loadFirst(address(0), LENGTH_KEY_AT + 4 * i, loadAlike(address(0), KEYS_AT + 4 * i))),
    ),
    store(COUNTER, lanes(0, 0, 1, 2)),
    each(ALWAYS_ZERO, (word) => store(word, alike(0))),
    // The nonce is in network byte order.
    store(NONCE, inAllLanes(reversed(sequenceNumber))),
    // Clear the target: a stack overflow may have left data of an earlier packet there.
    each(STREAM, (at) => storeVector(address(0), at, alike(0))),
    call(addGroup, address(STREAM_AT)),
  );
  return { parameters: 1, body };
}

/** XORs the key stream into the packet's body and some bytes after it. Parameter: the packet length, including the length field. */
export function addToBody(addGroup: number): FunctionCode {
  const length: Local = 0;
  const position: Local = 1;
  const vectors = Array.from({ length: FIRST_OF_BODY / 16 }, (_, i) => 16 * i);
  const body = inOrder(
    each(vectors, (offset) =>
      storeVector(address(0), BODY_AT + offset, xorLanes(load(BODY_AT + offset), load(BODY_STREAM_AT + offset))),
    ),
    set(position, address(BODY_AT + FIRST_OF_BODY)),
    when(
      isLess(get(position), addAddress(address(PACKET_AT), get(length))),
      inOrder(
        each(KEY_WORDS, (word, i) => store(word, loadAlike(address(0), KEYS_AT + 4 * i))),
        store(COUNTER, lanes(3, 4, 5, 6)),
        repeatWhile(
          isLess(get(position), addAddress(address(PACKET_AT), get(length))),
          call(addGroup, get(position)),
          store(COUNTER, addLanes(load(wordAt(COUNTER)), alike(4))),
          set(position, addAddress(get(position), address(GROUP))),
        ),
      ),
    ),
  );
  return { parameters: 1, addresses: 1, body };
}
