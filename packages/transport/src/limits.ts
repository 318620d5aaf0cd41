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
   * Key exchanges after the first that the peer may begin before authentication has succeeded; one more ends the connection. Each costs
   * arithmetic, of whoever it is.
   */
  readonly rekeysBeforeLogin: number;
  /**
   * Bytes of messages that may wait for the end of a key exchange (each counts as 64 at least), and of answers that may wait for the
   * peer to read.
   */
  readonly maxQueuedBytes: number;
  /**
   * Work of one turn, in bytes of packets sent and received; each packet counts as 4096 at least. Then a "yield" event lets other
   * connections have their turn. Default 1 MiB: 256 short packets, or 32 of 32 KiB.
   */
  readonly maxTurnWork: number;
  /** Extensions in one SSH_MSG_EXT_INFO. */
  readonly maxExtensions: number;
}

/** As OpenSSH has it, where it has it: packets of 256 KiB after login, 1024 lines of 8 KiB, new keys after 1 GiB or an hour (RFC 4253 §9). */
export const defaultTransportLimits: TransportLimits = {
  maxPacketLength: 256 * 1024,
  maxPacketLengthBeforeLogin: 35_000,
  preBannerLines: 1024,
  preBannerBytes: 8192,
  kexTimeout: 60_000,
  rekeyBytes: 2 ** 30,
  rekeyPackets: 2 ** 31 - 1,
  rekeyInterval: 3_600_000,
  rekeysBeforeLogin: 4,
  maxQueuedBytes: 1024 * 1024,
  maxTurnWork: 1024 * 1024,
  maxExtensions: 64,
};
