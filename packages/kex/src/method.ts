import type { HashFunction } from "@nacre/kdf";
import type { MethodContext, RandomSource } from "@nacre/wire";

/**
 * A key exchange method (RFC 4253 §7, §8): a value that a session is given in its list. One file makes one family.
 * The method knows its own messages and mathematics; the transport knows versions, KEXINITs, host keys and signatures.
 */
export interface KexMethod {
  /** As both sides name it: `"curve25519-sha256"`. */
  readonly name: string;
  /** Hash of the exchange hash and of key derivation. */
  readonly hash: HashFunction;
  /** Which messages the numbers 30–49 mean under this method. */
  readonly context: MethodContext;
  /** Starts one exchange as client. `random` makes the ephemeral key. */
  client(random: RandomSource): KexClient;
  /** Starts one exchange as server. `random` makes the ephemeral key. */
  server(random: RandomSource): KexServer;
}

/** What both sides then know. */
export interface KexSecret {
  /** The method's own part of the exchange hash, between K_S and K: encoded e and f, or Q_C and Q_S (RFC 4253 §8, RFC 5656 §4). */
  readonly exchange: Uint8Array;
  /** K as the exchange hash and key derivation take it: an encoded mpint, or a string for hybrid methods. */
  readonly sharedSecret: Uint8Array;
}

/** The client's side of one exchange. Used once. */
export interface KexClient {
  /** The payload that opens the exchange. */
  start(): Uint8Array;
  /** Takes the server's payload. Throws `kex-failed` or `malformed-message`. */
  receive(payload: Uint8Array): KexClientStep;
}

/** Result of a payload from the server: the next payload to send, or the outcome. */
export type KexClientStep =
  | { readonly type: "send"; readonly payload: Uint8Array }
  | {
      readonly type: "done";
      readonly secret: KexSecret;
      /** K_S, not yet trusted. */
      readonly hostKey: Uint8Array;
      /** Over the exchange hash, not yet verified. */
      readonly signature: Uint8Array;
    };

/** The server's side of one exchange. Used once. */
export interface KexServer {
  /** Takes the client's payload. Throws `kex-failed` or `malformed-message`. */
  receive(payload: Uint8Array): KexServerStep;
}

/** Result of a payload from the client: the next payload to send, or the outcome. */
export type KexServerStep =
  | { readonly type: "send"; readonly payload: Uint8Array }
  | {
      readonly type: "done";
      readonly secret: KexSecret;
      /** The payload that ends the exchange, once the exchange hash is signed. */
      reply(hostKey: Uint8Array, signature: Uint8Array): Uint8Array;
    };
