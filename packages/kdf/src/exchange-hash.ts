import { Writer } from "@nacre/wire";
import type { HashFunction } from "./hash.ts";

/** Input of the exchange hash, in order (RFC 4253 §8). */
export interface ExchangeHashInput {
  /** V_C, the client's identification string without its CR LF. */
  readonly clientVersion: Uint8Array;
  /** V_S, the server's identification string without its CR LF. */
  readonly serverVersion: Uint8Array;
  /** I_C, the payload of the client's KEXINIT. */
  readonly clientKexInit: Uint8Array;
  /** I_S, the payload of the server's KEXINIT. */
  readonly serverKexInit: Uint8Array;
  /** K_S, the server's public host key blob. */
  readonly hostKey: Uint8Array;
  /** Method-specific part, encoded: e and f, or Q_C and Q_S; for group exchange also the sizes and the group (RFC 4419 §3, RFC 5656 §4). */
  readonly exchange: Uint8Array;
  /** K, encoded as an mpint or a string, depending on the method. */
  readonly sharedSecret: Uint8Array;
}

/**
 * Returns H, the exchange hash that the server signs (RFC 4253 §8). H of the first exchange is also the session identifier (RFC 4253 §7.2).
 * Does not keep the input.
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
