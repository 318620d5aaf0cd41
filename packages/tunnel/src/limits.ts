/** Maximum size of a tunnel message in bytes, including its number. A longer message ends the tunnel. */
export const MAX_MESSAGE_LENGTH: number = 64 * 1024;

/** Maximum size of OPEN and ATTACH in bytes. Bounds the memory for a client that is not yet authenticated. */
export const MAX_FIRST_MESSAGE_LENGTH: number = 4096;

/** Maximum number of unacknowledged bytes that a sender keeps per direction. A peer that exceeds it ends the tunnel. */
export const MAX_SEND_BUFFER: number = 4 * 1024 * 1024;

/** Initial size of a send buffer in bytes. Enough for 100 MB/s on a path of 10 ms. */
export const INITIAL_SEND_BUFFER: number = 1024 * 1024;

/** Maximum number of data bytes in one DATA message. */
export const MAX_DATA_LENGTH: number = MAX_MESSAGE_LENGTH - 1;

/**
 * Number of consumed bytes after which a client acknowledges: two full messages, because an acknowledgement costs a gateway a third of the
 * work of a full message. A gateway frees its memory only then.
 */
export const CLIENT_ACKNOWLEDGES_EVERY: number = 2 * MAX_DATA_LENGTH;

/** Number of consumed bytes after which a gateway acknowledges: a quarter of the client's initial send buffer. */
export const GATEWAY_ACKNOWLEDGES_EVERY: number = INITIAL_SEND_BUFFER / 4;

/** Length of a tunnel id in bytes. The id identifies a tunnel and is not a secret. */
export const TUNNEL_ID_LENGTH: number = 16;

/** Length in bytes of the tunnel secret. A client proves the secret to attach again. */
export const TUNNEL_SECRET_LENGTH: number = 32;

/** Length of the gateway's nonce in bytes. */
export const NONCE_LENGTH: number = 32;

/** Length of an HMAC-SHA-256 proof in bytes. */
export const PROOF_LENGTH: number = 32;
