import { concatBytes } from "@nacre/wire";
import type { HashFunction } from "./hash.ts";

/** Input of the key derivation for one key exchange (RFC 4253 §7.2). */
export interface KeySource {
  readonly hash: HashFunction;
  /** K, encoded as in the exchange hash. */
  readonly sharedSecret: Uint8Array;
  /** H of this exchange. */
  readonly exchangeHash: Uint8Array;
  /** H of the first exchange of the connection. */
  readonly sessionId: Uint8Array;
}

/**
 * Letter that identifies a derived key: A and B for the IVs, C and D for the encryption keys, E and F for the integrity keys. The first of
 * each pair is for client to server, the second for server to client (RFC 4253 §7.2).
 */
export type KeyLetter = "A" | "B" | "C" | "D" | "E" | "F";

/** Derives one key of `length` bytes into a new array. Appends further hashes if one hash is too short (RFC 4253 §7.2). */
export function deriveKey(source: KeySource, letter: KeyLetter, length: number): Uint8Array {
  const { hash, sharedSecret, exchangeHash, sessionId } = source;
  const letterByte = Uint8Array.of(letter.charCodeAt(0));
  let key: Uint8Array = new Uint8Array(0);
  while (key.length < length) {
    const more = key.length === 0 ? [letterByte, sessionId] : [key];
    key = concatBytes(key, hash(concatBytes(sharedSecret, exchangeHash, ...more)));
  }
  return key.slice(0, length);
}

/** Lengths in bytes of the keys for one direction, as its cipher and MAC require. */
export interface KeyLengths {
  readonly ivLength: number;
  readonly keyLength: number;
  /** 0 for an AEAD cipher. */
  readonly macKeyLength: number;
}

/** Derived keys for one direction. */
export interface DerivedKeys {
  readonly iv: Uint8Array;
  readonly key: Uint8Array;
  readonly macKey: Uint8Array;
}

/** Derives all six keys of a key exchange (RFC 4253 §7.2). */
export function deriveKeys(
  source: KeySource,
  lengths: { readonly clientToServer: KeyLengths; readonly serverToClient: KeyLengths },
): { readonly clientToServer: DerivedKeys; readonly serverToClient: DerivedKeys } {
  const { clientToServer, serverToClient } = lengths;
  return {
    clientToServer: {
      iv: deriveKey(source, "A", clientToServer.ivLength),
      key: deriveKey(source, "C", clientToServer.keyLength),
      macKey: deriveKey(source, "E", clientToServer.macKeyLength),
    },
    serverToClient: {
      iv: deriveKey(source, "B", serverToClient.ivLength),
      key: deriveKey(source, "D", serverToClient.keyLength),
      macKey: deriveKey(source, "F", serverToClient.macKeyLength),
    },
  };
}
