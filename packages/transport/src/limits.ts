import { type LimitTable, limitTable, MAX_MILLISECONDS, MAX_UINT32 } from "@nacre/wire";

/** Limits of a transport. Sizes are in bytes, times in milliseconds. */
export interface TransportLimits {
  /** Largest accepted value of a packet's length field. At least 35,000 (RFC 4253 §6.1); default 256 KiB. */
  readonly maxPacketLength: number;
  /**
   * The same limit while the peer is unauthenticated: on a server until login, on a client until the server has proved its host key. At
   * least 35,000 (RFC 4253 §6.1), which is the default.
   */
  readonly maxPacketLengthBeforeLogin: number;
  /** Lines that a server may send before its identification string; default 1024. */
  readonly preBannerLines: number;
  /** Length of one such line, including its line end; default 8192. */
  readonly preBannerBytes: number;
  /** Time for a key exchange, identification included, not counting time in which an ask is open; default one minute. */
  readonly kexTimeout: number;
  /** Bytes in one direction after which a rekey begins; default 1 GiB. A cipher may require fewer. */
  readonly rekeyBytes: number;
  /** Packets in one direction after which a rekey begins. At most 2^31 − 1, which is the default. */
  readonly rekeyPackets: number;
  /** Age of the keys after which a rekey begins; default one hour. */
  readonly rekeyInterval: number;
  /**
   * Key exchanges that the peer may begin after the first and before authentication succeeds; default 4. One more ends the connection,
   * since each costs CPU time for an unauthenticated peer.
   */
  readonly rekeysBeforeLogin: number;
  /**
   * Bytes of messages that may wait for the end of a key exchange, and of answers that may wait for the peer to read. A message counts at
   * least 64 bytes. Default 1 MiB.
   */
  readonly maxQueuedBytes: number;
  /**
   * Work between two "yield" events, which let other connections run. A received packet counts its bytes, at least 8192; a sent packet
   * counts 8192. Default 1 MiB: 128 short packets, or 32 received packets of 32 KiB.
   */
  readonly maxTurnWork: number;
  /** Extensions accepted in one SSH_MSG_EXT_INFO; default 64. */
  readonly maxExtensions: number;
}

/**
 * Ranges and defaults. The defaults are those of OpenSSH where it has one: packets of 256 KiB after login, 1024 lines of 8 KiB, a rekey
 * after 1 GiB or one hour (RFC 4253 §9).
 */
export const TRANSPORT_LIMITS: LimitTable<TransportLimits> = limitTable<TransportLimits>({
  maxPacketLength: { default: 256 * 1024, least: 35_000, most: MAX_UINT32, unit: "bytes" },
  maxPacketLengthBeforeLogin: { default: 35_000, least: 35_000, most: MAX_UINT32, unit: "bytes" },
  preBannerLines: { default: 1024, least: 0, most: MAX_UINT32, unit: "lines" },
  preBannerBytes: { default: 8192, least: 1, most: MAX_UINT32, unit: "bytes" },
  kexTimeout: { default: 60_000, least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" },
  rekeyBytes: { default: 2 ** 30, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  // A rekey must come before a sequence number repeats under the same keys (RFC 4344 §3.1). Half of the range leaves a margin.
  rekeyPackets: { default: 2 ** 31 - 1, least: 1, most: /* rule: rekey-packets-most */ 2 ** 31 - 1, unit: "packets" },
  // On a slow path a key exchange could outlast a shorter interval, and rekeying would never end.
  rekeyInterval: { default: 3_600_000, least: 1000, most: MAX_MILLISECONDS, unit: "milliseconds" },
  rekeysBeforeLogin: { default: 4, least: 0, most: MAX_UINT32, unit: "key exchanges" },
  maxQueuedBytes: { default: 1024 * 1024, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  maxTurnWork: { default: 1024 * 1024, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  maxExtensions: { default: 64, least: 1, most: MAX_UINT32, unit: "extensions" },
});
