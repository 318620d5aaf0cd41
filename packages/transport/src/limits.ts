import { type LimitTable, limitTable, MAX_MILLISECONDS, MAX_UINT32 } from "@nacre/wire";

/** What a transport bounds. Sizes are bytes, times milliseconds. */
export interface TransportLimits {
  /** Largest packet to accept, as its length field says it. At least 35,000 (RFC 4253 §6.1). */
  readonly maxPacketLength: number;
  /**
   * The same for a peer that anybody may be: for a server until login, for a client until the server has proved its host key. At least
   * 35,000 (RFC 4253 §6.1), which is the default.
   */
  readonly maxPacketLengthBeforeLogin: number;
  /** Lines that a server may send before its identification string. */
  readonly preBannerLines: number;
  /** Bytes in one such line, its line end included. */
  readonly preBannerBytes: number;
  /** From the beginning of a key exchange to its end, identification included, without the time that an ask is open. */
  readonly kexTimeout: number;
  /** Bytes in one direction after which new keys are agreed; less where the cipher wants less. */
  readonly rekeyBytes: number;
  /** Packets in one direction after which new keys are agreed. Less than 2^31, whatever is given. */
  readonly rekeyPackets: number;
  /** After this long new keys are agreed. */
  readonly rekeyInterval: number;
  /**
   * Key exchanges after the first that the peer may begin before authentication has succeeded; one more ends the connection. Each
   * costs arithmetic for a peer that is not authenticated.
   */
  readonly rekeysBeforeLogin: number;
  /**
   * Bytes of messages that may wait for the end of a key exchange (each counts as 64 at least), and of answers that may wait for the
   * peer to read.
   */
  readonly maxQueuedBytes: number;
  /**
   * Work between two "yield" events, which let other connections have their turn: bytes of packets received, with 8192 at least for each,
   * and 8192 for each packet sent. Default 1 MiB: 128 short packets, or 32 received of 32 KiB.
   */
  readonly maxTurnWork: number;
  /** Extensions in one SSH_MSG_EXT_INFO. */
  readonly maxExtensions: number;
}

/**
 * Ranges and defaults. The defaults are OpenSSH's where it has one: packets of 256 KiB after login, 1024 lines of 8 KiB, new keys after
 * 1 GiB or an hour (RFC 4253 §9).
 */
export const TRANSPORT_LIMITS: LimitTable<TransportLimits> = limitTable<TransportLimits>({
  maxPacketLength: { default: 256 * 1024, least: 35_000, most: MAX_UINT32, unit: "bytes" },
  maxPacketLengthBeforeLogin: { default: 35_000, least: 35_000, most: MAX_UINT32, unit: "bytes" },
  preBannerLines: { default: 1024, least: 0, most: MAX_UINT32, unit: "lines" },
  preBannerBytes: { default: 8192, least: 1, most: MAX_UINT32, unit: "bytes" },
  kexTimeout: { default: 60_000, least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" },
  rekeyBytes: { default: 2 ** 30, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  // RFC 4344 §3.1: new keys must come before a sequence number comes again under the same keys; half of that leaves room to spare.
  rekeyPackets: { default: 2 ** 31 - 1, least: 1, most: /* rule: rekey-packets-most */ 2 ** 31 - 1, unit: "packets" },
  // A shorter one would exchange keys without end over a path that takes as long.
  rekeyInterval: { default: 3_600_000, least: 1000, most: MAX_MILLISECONDS, unit: "milliseconds" },
  rekeysBeforeLogin: { default: 4, least: 0, most: MAX_UINT32, unit: "key exchanges" },
  maxQueuedBytes: { default: 1024 * 1024, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  maxTurnWork: { default: 1024 * 1024, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  maxExtensions: { default: 64, least: 1, most: MAX_UINT32, unit: "extensions" },
});
