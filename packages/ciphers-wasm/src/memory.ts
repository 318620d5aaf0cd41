// The layout of the program's memory. It contains one packet and no state of a connection: keys are copied in for each packet.

/** K_2 for packets and K_1 for length fields, 32 bytes each (OpenSSH PROTOCOL.chacha20poly1305). */
export const KEYS_AT = 0;
export const LENGTH_KEY_AT: number = KEYS_AT + 32;
export const KEYS_LENGTH = 64;

/** ChaCha20's state for four blocks: a vector for each word, with a lane for each block. */
export const STATE_AT: number = KEYS_AT + KEYS_LENGTH;
const VECTOR = 16;
const WORDS = 16;

/**
 * The first four blocks of the key stream for a packet: one under K_1 for the length field, one under K_2 for the Poly1305 key, and two
 * under K_2 for the first 128 bytes of the body. Zero between packets.
 */
export const STREAM_AT: number = STATE_AT + VECTOR * WORDS;
export const BLOCK = 64;
export const GROUP: number = 4 * BLOCK;
export const POLY1305_KEY_AT: number = STREAM_AT + BLOCK;
export const BODY_STREAM_AT: number = STREAM_AT + 2 * BLOCK;
/** Number of bytes of the body that this key stream covers. */
export const FIRST_OF_BODY: number = 2 * BLOCK;

/** The computed tag, 16 bytes. */
export const TAG_AT: number = STREAM_AT + GROUP;
export const TAG_LENGTH = 16;

/** Scratch space to move Poly1305 numbers into and out of lanes: one vector per limb and group. */
export const GROUPS = 2;
export const LANES_AT: number = TAG_AT + TAG_LENGTH;
/** Factors for pairs of digits, 22 vectors per group: one set for the last pass, one for the passes before. */
export const FACTORS_LENGTH: number = VECTOR * 22;
export const LAST_FACTORS_AT: number = LANES_AT + VECTOR * 5 * GROUPS;
export const FACTORS_AT: number = LAST_FACTORS_AT + FACTORS_LENGTH * GROUPS;

/** The packet, from here to the end of memory: its length field, then its body, which is aligned to 16 bytes. */
export const PACKET_AT: number = FACTORS_AT + FACTORS_LENGTH * GROUPS + VECTOR - 4;
export const BODY_AT: number = PACKET_AT + 4;

export const PAGE = 65_536;
export const PAGES = 5;
/** Initial maximum packet length in bytes. The 256 bytes after it are for the tag and for key stream beyond the packet. */
export const CAPACITY: number = PAGE * PAGES - PACKET_AT - GROUP;
