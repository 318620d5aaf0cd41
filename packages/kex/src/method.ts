import type { HashFunction } from "@nacre/kdf";
import type { KexContext, RandomSource } from "@nacre/wire";

/**
 * A key exchange method (RFC 4253 §7, §8). A protocol machine takes a list of methods. Each method implements its own messages and
 * mathematics. The transport handles identification strings, KEXINITs, host keys and signatures.
 */
export interface KexMethod {
  /** Name as negotiated: `"curve25519-sha256"`. */
  readonly name: string;
  /** Hash function for the exchange hash and for key derivation. */
  readonly hash: HashFunction;
  /** Meaning of the message numbers 30–49 under this method. */
  readonly context: KexContext;
  /** Starts one exchange as the client. `random`: source of the ephemeral key. */
  client(random: RandomSource): KexClient;
  /** Starts one exchange as the server. `random`: source of the ephemeral key. */
  server(random: RandomSource): KexServer;
}

/** Result of an exchange, the same on both sides. */
export interface KexSecret {
  /** Method-specific input of the exchange hash, between K_S and K: encoded e and f, or Q_C and Q_S (RFC 4253 §8, RFC 5656 §4). */
  readonly exchange: Uint8Array;
  /** K, encoded for the exchange hash and key derivation: as an mpint, or as a string for hybrid methods. */
  readonly sharedSecret: Uint8Array;
}

/** The client side of one exchange. For a single use. */
export interface KexClient {
  /** Returns the first payload to send. */
  start(): Uint8Array;
  /** Processes a payload from the server. Throws `kex-failed` or `malformed-message`. */
  receive(payload: Uint8Array): KexClientStep;
}

/** Result of processing a payload from the server: the next payload to send, or the end of the exchange. */
export type KexClientStep =
  | { readonly type: "send"; readonly payload: Uint8Array }
  | {
      readonly type: "done";
      readonly secret: KexSecret;
      /** Public host key blob K_S, not yet trusted. */
      readonly hostKey: Uint8Array;
      /** Signature over the exchange hash, not yet verified. */
      readonly signature: Uint8Array;
    };

/** The server side of one exchange. For a single use. */
export interface KexServer {
  /** Processes a payload from the client. Throws `kex-failed` or `malformed-message`. */
  receive(payload: Uint8Array): KexServerStep;
}

/** Result of processing a payload from the client: the next payload to send, or the end of the exchange. */
export type KexServerStep =
  | { readonly type: "send"; readonly payload: Uint8Array }
  | {
      readonly type: "done";
      readonly secret: KexSecret;
      /** Returns the final payload to send, which contains the signature over the exchange hash. */
      reply(hostKey: Uint8Array, signature: Uint8Array): Uint8Array;
    };
