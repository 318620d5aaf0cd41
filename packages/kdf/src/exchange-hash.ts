import { Writer } from "@nacre/wire";
import type { HashFunction } from "./hash.ts";

/** What goes into the exchange hash, in its order (RFC 4253 §8). */
export interface ExchangeHashInput {
  /** V_C, the client's identification string without its CR LF. */
  readonly clientVersion: Uint8Array;
  /** V_S, the server's. */
  readonly serverVersion: Uint8Array;
  /** I_C, the payload of the client's KEXINIT. */
  readonly clientKexInit: Uint8Array;
  /** I_S, the server's. */
  readonly serverKexInit: Uint8Array;
  /** K_S, the server's public host key blob. */
  readonly hostKey: Uint8Array;
  /** The method's own part, encoded: e and f, Q_C and Q_S, or the sizes and the group too (RFC 4419 §3, RFC 5656 §4). */
  readonly exchange: Uint8Array;
  /** K, encoded as the method says: an mpint, or a string. */
  readonly sharedSecret: Uint8Array;
}

/**
 * H, the hash that the server signs; that of the first exchange is also the session identifier (RFC 4253 §7.2). The
 * inputs are not kept.
 */
export function exchangeHash(hash: HashFunction, input: ExchangeHashInput): Uint8Array {
  const writer = new Writer(4096)
    .string(input.clientVersion)
    .string(input.serverVersion)
    .string(input.clientKexInit)
    .string(input.serverKexInit)
    .string(input.hostKey)
    .raw(input.exchange)
    .raw(input.sharedSecret);
  return hash(writer.finish());
}
