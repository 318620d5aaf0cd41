import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";

/**
 * Length of reads and writes that every server accepts (draft-ietf-secsh-filexfer-02 §3). A client uses it until the server states its
 * own limits.
 */
export const SAFE_DATA_LENGTH: number = 32 * 1024;

/** Length of packets that every server accepts (draft-ietf-secsh-filexfer-02 §3). */
export const SAFE_PACKET_LENGTH: number = 34_000;

/** Bytes that a packet with data may need beside the data: type, id, handle, offset and lengths, rounded up as OpenSSH does. */
export const PACKET_OVERHEAD: number = 1024;

/** Maximum length of a handle in bytes (draft-ietf-secsh-filexfer-02 §6.2). */
export const MAX_HANDLE_LENGTH: number = 256;

/** Maximum value of `maxRequests`. Request ids use 16 bits for the place of a request in the client's table. */
export const MAX_REQUESTS: number = 0x1_0000;

/** Resource limits of an `SftpClient`. Sizes are in bytes. */
export interface SftpClientLimits {
  /** Length of a packet, without its length field; a longer one from the server ends SFTP. Default 256 KiB, as in OpenSSH. */
  readonly maxPacketLength: number;
  /** Our requests without a reply; one more throws `request-limit`. Default 1024. */
  readonly maxRequests: number;
  /** Names in one reply; a reply with more ends SFTP. Default 8192. */
  readonly maxNames: number;
  /** Length of a path or name from the server; a longer one ends SFTP. Default 32 KiB. */
  readonly maxPathLength: number;
}

/** Ranges and defaults of `SftpClientLimits`. */
export const SFTP_CLIENT_LIMITS: LimitTable<SftpClientLimits> = limitTable<SftpClientLimits>({
  maxPacketLength: { default: 256 * 1024, least: SAFE_PACKET_LENGTH, most: 16 * 1024 * 1024, unit: "bytes" },
  maxRequests: { default: 1024, least: 1, most: MAX_REQUESTS, unit: "requests" },
  maxNames: { default: 8192, least: 1, most: MAX_UINT32, unit: "names" },
  maxPathLength: { default: 32 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
});

/** Resource limits of an `SftpServer`. Sizes are in bytes. */
export interface SftpServerLimits {
  /** Length of a packet, without its length field; a longer one from the client ends SFTP. Default 256 KiB, as in OpenSSH. */
  readonly maxPacketLength: number;
  /** Pending requests. At this number the server parses no further request until one is answered. Default 128. */
  readonly maxRequests: number;
  /**
   * Data bytes of pending reads and writes, and bytes of other pending requests. At this number the server parses no further request
   * until one is answered. Default 4 MiB.
   */
  readonly maxPendingBytes: number;
  /** Bytes of unsent replies. At this number the server parses no further request until some are sent. Default 1 MiB. */
  readonly maxUnsent: number;
  /** Open handles, including those of pending opens; one more open is refused. Default 1024. */
  readonly maxHandles: number;
  /** Length of a path from the client; a request with a longer one is refused. Default 4096. */
  readonly maxPathLength: number;
}

/** Ranges and defaults of `SftpServerLimits`. */
export const SFTP_SERVER_LIMITS: LimitTable<SftpServerLimits> = limitTable<SftpServerLimits>({
  maxPacketLength: { default: 256 * 1024, least: SAFE_PACKET_LENGTH, most: 16 * 1024 * 1024, unit: "bytes" },
  maxRequests: { default: 128, least: 1, most: MAX_UINT32, unit: "requests" },
  maxPendingBytes: { default: 4 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxUnsent: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxHandles: { default: 1024, least: 1, most: MAX_UINT32, unit: "handles" },
  maxPathLength: { default: 4096, least: 1, most: MAX_UINT32, unit: "bytes" },
});
