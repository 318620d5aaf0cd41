import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";

/** Resource limits of one connection. Sizes are in bytes. */
export interface ConnectionLimits {
  /** Channels at a time, including those opening and closing, and opens of the peer that await an answer. Default 256. */
  readonly maxChannels: number;
  /** Unanswered opens of the peer per channel type; one more is refused. Default 256. */
  readonly maxPendingOpens: number;
  /** Our unanswered requests, per channel and for global requests; one more throws `request-limit`. Default 256. */
  readonly maxPendingRequests: number;
  /** Unanswered requests of the peer, per channel and for global requests; one more ends the connection. Default 128. */
  readonly maxPeerRequests: number;
  /** Unexpected replies of the peer, beyond one per request of ours that wanted none; one more ends the connection. Default 64. */
  readonly maxUnaskedReplies: number;
  /** Requests of the peer on a channel that has closed, per channel. They are ignored; one more ends the connection. Default 16. */
  readonly maxLateRequests: number;
  /** Initial receive window of a channel: bytes the peer may send before the application consumes any. Default 2 MiB. */
  readonly initialWindow: number;
  /** Size to which a channel's window may grow on a long path while the application keeps up. Default 16 MiB. */
  readonly maxWindow: number;
  /** Total growth of all channels' windows beyond `initialWindow`. Default 64 MiB. */
  readonly maxWindowGrowth: number;
  /** Maximum packet size we announce: data bytes per message to us (RFC 4254 §5.1). Default 32 KiB. */
  readonly maxPacketSize: number;
  /** Data bytes in one message of ours, even if the peer accepts more. Default 32 KiB. */
  readonly maxSendSize: number;
  /** High-water mark: no channel data is queued while this many bytes of output wait for the socket. Default 1 MiB. */
  readonly highWater: number;
  /**
   * Bytes of replies that may be queued beyond `highWater`. A peer that sends requests without reading the replies is then disconnected.
   * Default 1 MiB.
   */
  readonly maxReplyBacklog: number;
}

/** Ranges and defaults of `ConnectionLimits`. */
export const CONNECTION_LIMITS: LimitTable<ConnectionLimits> = limitTable<ConnectionLimits>({
  maxChannels: { default: 256, least: 1, most: MAX_UINT32, unit: "channels" },
  maxPendingOpens: { default: 256, least: 1, most: MAX_UINT32, unit: "opens" },
  maxPendingRequests: { default: 256, least: 1, most: MAX_UINT32, unit: "requests" },
  maxPeerRequests: { default: 128, least: 1, most: MAX_UINT32, unit: "requests" },
  maxUnaskedReplies: { default: 64, least: 1, most: MAX_UINT32, unit: "replies" },
  maxLateRequests: { default: 16, least: 1, most: MAX_UINT32, unit: "requests" },
  initialWindow: { default: 2 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxWindow: { default: 16 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxWindowGrowth: { default: 64 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxPacketSize: { default: 32 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxSendSize: { default: 32 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  highWater: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxReplyBacklog: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
});
