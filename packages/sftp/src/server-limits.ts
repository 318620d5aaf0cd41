import type { SftpLimits } from "./client-events.ts";
import type { StatedLimits } from "./messages/extensions.ts";
import { PACKET_OVERHEAD, SAFE_DATA_LENGTH, SAFE_PACKET_LENGTH } from "./messages/limits.ts";

/** Returns the limits that a client uses until a server states its own. `ours` is the client's `maxPacketLength`. */
export function unstatedLimits(ours: number): SftpLimits {
  return {
    maxPacketLength: ours,
    maxReadLength: SAFE_DATA_LENGTH,
    maxWriteLength: SAFE_DATA_LENGTH,
    maxOpenHandles: undefined,
  };
}

/** Returns the limits that a client uses after a server stated its own. `ours` is the client's `maxPacketLength`. */
export function limitsFrom(stated: StatedLimits, ours: number): SftpLimits {
  const maxPacketLength = Math.max(clamp(stated.maxPacketLength, ours, ours), SAFE_PACKET_LENGTH);
  const most = maxPacketLength - PACKET_OVERHEAD;
  return {
    maxPacketLength,
    maxReadLength: clamp(stated.maxReadLength, SAFE_DATA_LENGTH, ours - PACKET_OVERHEAD),
    maxWriteLength: clamp(stated.maxWriteLength, SAFE_DATA_LENGTH, most),
    maxOpenHandles: stated.maxOpenHandles === 0n ? undefined : clamp(stated.maxOpenHandles, 0, Number.MAX_SAFE_INTEGER),
  };
}

/**
 * Returns a limit that a server stated, at most `most`: a server cannot raise our own limits. 0 is unlimited or unknown, and becomes
 * `unknown`.
 */
function clamp(stated: bigint, unknown: number, most: number): number {
  if (stated === 0n) return Math.min(unknown, most);
  return /* rule: sftp-stated-limits */ stated > BigInt(most) ? most : Number(stated);
}
