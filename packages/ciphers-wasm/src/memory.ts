// The layout of the program's memory. It holds one packet and nothing of a connection: keys are copied in for each packet.

/** K_2 and K_1 (PROTOCOL.chacha20poly1305), 32 bytes each: the keys of packets and of length fields. */
export const KEYS_AT = 0;
export const LENGTH_KEY_AT: number = KEYS_AT + 32;
export const KEYS_LENGTH = 64;

/** ChaCha20's state for four blocks: a vector for each word, with a lane for each block. */
export const STATE_AT: number = KEYS_AT + KEYS_LENGTH;
const VECTOR = 16;
const WORDS = 16;

/**
 * The first four blocks of a packet's key stream: one under K_1, for the length field, and three under K_2, for Poly1305's key and for the
 * body's first 128 bytes. Zeros between packets.
 */
export const STREAM_AT: number = STATE_AT + VECTOR * WORDS;
export const BLOCK = 64;
export const GROUP: number = 4 * BLOCK;
export const POLY1305_KEY_AT: number = STREAM_AT + BLOCK;
export const BODY_STREAM_AT: number = STREAM_AT + 2 * BLOCK;
/** Bytes of the body that this key stream covers. */
export const FIRST_OF_BODY: number = 2 * BLOCK;

/** The computed tag, 16 bytes. */
export const TAG_AT: number = STREAM_AT + GROUP;
export const TAG_LENGTH = 16;

/** Scratch space to move Poly1305's numbers into lanes and out of them: for each limb a vector per group. */
export const GROUPS = 2;
export const LANES_AT: number = TAG_AT + TAG_LENGTH;
/** Factors that pairs of digits are multiplied by, in the last turn and in the turns before it: 22 vectors per group. */
export const FACTORS_LENGTH: number = VECTOR * 22;
export const LAST_FACTORS_AT: number = LANES_AT + VECTOR * 5 * GROUPS;
export const FACTORS_AT: number = LAST_FACTORS_AT + FACTORS_LENGTH * GROUPS;

/** The packet, to the end of memory: its length field, and its body from a whole vector on. */
export const PACKET_AT: number = FACTORS_AT + FACTORS_LENGTH * GROUPS + VECTOR - 4;
export const BODY_AT: number = PACKET_AT + 4;

export const PAGE = 65_536;
export const PAGES = 5;
/** Initial room for a packet, in bytes. Behind it is room for the tag, or for key stream past the end of the packet. */
export const CAPACITY: number = PAGE * PAGES - PACKET_AT - GROUP;
