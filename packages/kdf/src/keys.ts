import { concatBytes } from "@nacre/wire";
import type { HashFunction } from "./hash.ts";

/** What the keys of one key exchange are derived from (RFC 4253 §7.2). */
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
 * Which key (RFC 4253 §7.2): the IV (A, B), the encryption key (C, D) and the integrity key (E, F), each for client to
 * server and server to client.
 */
export type KeyLetter = "A" | "B" | "C" | "D" | "E" | "F";

/** One key of `length` bytes, extended by further hashes where one is too short (RFC 4253 §7.2). Fresh bytes. */
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

/** How long the keys of one direction must be, in bytes, as its cipher and MAC say. */
export interface KeyLengths {
  readonly ivLength: number;
  readonly keyLength: number;
  /** 0 with an AEAD cipher. */
  readonly macKeyLength: number;
}

/** The keys of one direction. */
export interface DerivedKeys {
  readonly iv: Uint8Array;
  readonly key: Uint8Array;
  readonly macKey: Uint8Array;
}

/** The six keys of a key exchange (RFC 4253 §7.2). */
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
