/** A hash function: fresh digest of the message. */
export type HashFunction = (message: Uint8Array) => Uint8Array;
