/** Maximum size of a tunnel message in bytes, including its number. A longer message ends the tunnel. */
export const MAX_MESSAGE_LENGTH: number = 64 * 1024;

/** Maximum size of OPEN and ATTACH in bytes. Bounds the memory for a client that is not yet authenticated. */
export const MAX_FIRST_MESSAGE_LENGTH: number = 4096;

/** Maximum number of unacknowledged bytes that a sender keeps per direction. A peer that exceeds it ends the tunnel. */
export const MAX_SEND_BUFFER: number = 4 * 1024 * 1024;

/** Initial size of a send buffer in bytes. Enough for 100 MB/s on a path of 10 ms. */
export const INITIAL_SEND_BUFFER: number = 1024 * 1024;

/** Number of consumed bytes after which a receiver acknowledges. Small enough for the initial send buffer. */
export const ACKNOWLEDGE_EVERY: number = 64 * 1024;

/** Maximum number of data bytes in one DATA message. */
export const MAX_DATA_LENGTH: number = MAX_MESSAGE_LENGTH - 1;

/** Length of a tunnel id in bytes. The id identifies a tunnel and is not a secret. */
export const TUNNEL_ID_LENGTH: number = 16;

/** Length in bytes of the tunnel secret. A client proves the secret to attach again. */
export const TUNNEL_SECRET_LENGTH: number = 32;

/** Length of the gateway's nonce in bytes. */
export const NONCE_LENGTH: number = 32;

/** Length of an HMAC-SHA-256 proof in bytes. */
export const PROOF_LENGTH: number = 32;
