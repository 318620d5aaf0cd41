import { type Overrides, SshError, withDefaults } from "@nacre/wire";

/** What one connection may cost. Sizes in bytes. */
export interface ConnectionLimits {
  /** Channels at once, those being opened and closed included, and the peer's opens that await an answer. Default 256. */
  readonly maxChannels: number;
  /** Opens of the peer that await the application's answer at once; one more is refused. Default 32. */
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
  readonly maximumWindow: number;
  /** What the windows of all channels together may grow by. Default 64 MiB. */
  readonly maximumGrowth: number;
  /** Data that one message to us may carry (RFC 4254 §5.1, "maximum packet size"). Default 32 KiB. */
  readonly maximumPacketSize: number;
  /** Data that one message of ours carries at most, however much the peer would take. Default 32 KiB. */
  readonly maximumSend: number;
  /** Where channel data stops being added to what already waits for the socket. Default 1 MiB. */
  readonly highWater: number;
  /** What answers may add above `highWater` before a peer that asks and does not read is cut off. Default 1 MiB. */
  readonly maxReplyBacklog: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  maxChannels: 256,
  maxPendingOpens: 32,
  maxPendingRequests: 256,
  maxPeerRequests: 128,
  maxUnaskedReplies: 64,
  initialWindow: 2 * 1024 * 1024,
  maximumWindow: 16 * 1024 * 1024,
  maximumGrowth: 64 * 1024 * 1024,
  maximumPacketSize: 32 * 1024,
  maximumSend: 32 * 1024,
  highWater: 1024 * 1024,
  maxReplyBacklog: 1024 * 1024,
};

/** The default limits with some replaced. Throws `usage` when one is no integer from 1 to 2^32 − 1. */
export function connectionLimits(changes: Overrides<ConnectionLimits> = {}): ConnectionLimits {
  const limits = withDefaults(defaultConnectionLimits, changes);
  // A session hands over all of its limits: only ours are looked at.
  for (const name of Object.keys(defaultConnectionLimits) as (keyof ConnectionLimits)[]) {
    const value = limits[name];
    if (!(Number.isInteger(value) && value >= 1 && value <= 0xffff_ffff))
      throw new SshError("usage", `the limit ${name} must be an integer from 1 to 4294967295, not ${value}`);
  }
  return limits;
}
