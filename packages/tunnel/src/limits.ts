/** Largest tunnel message in bytes, its number included. A longer one ends the tunnel. */
export const MAX_MESSAGE_LENGTH: number = 64 * 1024;

/** Largest OPEN or ATTACH in bytes: what a gateway reads before it knows the client. */
export const MAX_FIRST_MESSAGE_LENGTH: number = 4096;

/** Most bytes that a sender keeps for one direction until they are acknowledged. A peer that sends more ends the tunnel. */
export const MAX_SEND_BUFFER: number = 4 * 1024 * 1024;

/** Bytes that a sender keeps at first: enough for 100 MB/s on a path of 10 ms. */
export const INITIAL_SEND_BUFFER: number = 1024 * 1024;

/** A receiver acknowledges after consuming this many bytes: often enough for the smallest send buffer. */
export const ACKNOWLEDGE_EVERY: number = 64 * 1024;

/** Largest number of data bytes in one DATA message. */
export const MAX_DATA_LENGTH: number = MAX_MESSAGE_LENGTH - 1;

/** Length of a tunnel's id in bytes. The id finds a tunnel; it is not a secret. */
export const TUNNEL_ID_LENGTH: number = 16;

/** Length in bytes of the secret that a client proves to attach again. */
export const TUNNEL_SECRET_LENGTH: number = 32;

/** Length of the gateway's nonce in bytes. */
export const NONCE_LENGTH: number = 32;

/** Length of a proof in bytes: HMAC-SHA-256. */
export const PROOF_LENGTH: number = 32;
