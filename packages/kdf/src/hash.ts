/** A hash function. Returns the digest of the message in a new array. */
export type HashFunction = (message: Uint8Array) => Uint8Array;
