import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";

/** What one connection may cost. Sizes in bytes. */
export interface ConnectionLimits {
  /** Channels at once, those being opened and closed included, and the peer's opens that await an answer. Default 256. */
  readonly maxChannels: number;
  /** Opens of the peer, of one channel type, that await the application's answer at once; one more is refused. Default 256. */
  readonly maxPendingOpens: number;
  /** Requests of ours without an answer yet, on one channel or global: one more throws `request-limit`. Default 256. */
  readonly maxPendingRequests: number;
  /** Requests of the peer without an answer yet, on one channel or global: one more is fatal. Default 128. */
  readonly maxPeerRequests: number;
  /** Replies of the peer to nothing, beside one for each request of ours that wanted none: one more is fatal. Default 64. */
  readonly maxUnaskedReplies: number;
  /** What the peer may send on a channel before the application has consumed any of it. Default 2 MiB. */
  readonly initialWindow: number;
  /** What `initialWindow` may grow to where the path is long and the application keeps up. Default 16 MiB. */
  readonly maxWindow: number;
  /** What the windows of all channels together may grow by. Default 64 MiB. */
  readonly maxWindowGrowth: number;
  /** Data that one message to us may carry (RFC 4254 §5.1, "maximum packet size"). Default 32 KiB. */
  readonly maxPacketSize: number;
  /** Most bytes of data in one message of ours, even if the peer takes more. Default 32 KiB. */
  readonly maxSendSize: number;
  /** Where channel data stops being added to what already waits for the socket. Default 1 MiB. */
  readonly highWater: number;
  /** What answers may add above `highWater` before a peer that asks and does not read is cut off. Default 1 MiB. */
  readonly maxReplyBacklog: number;
}

/** Ranges and defaults. */
export const CONNECTION_LIMITS: LimitTable<ConnectionLimits> = limitTable<ConnectionLimits>({
  maxChannels: { default: 256, least: 1, most: MAX_UINT32, unit: "channels" },
  maxPendingOpens: { default: 256, least: 1, most: MAX_UINT32, unit: "opens" },
  maxPendingRequests: { default: 256, least: 1, most: MAX_UINT32, unit: "requests" },
  maxPeerRequests: { default: 128, least: 1, most: MAX_UINT32, unit: "requests" },
  maxUnaskedReplies: { default: 64, least: 1, most: MAX_UINT32, unit: "replies" },
  initialWindow: { default: 2 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxWindow: { default: 16 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxWindowGrowth: { default: 64 * 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxPacketSize: { default: 32 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxSendSize: { default: 32 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  highWater: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxReplyBacklog: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
});
