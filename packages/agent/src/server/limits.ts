import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";
import { MAX_IDENTITIES } from "../constants.ts";

/** Limits of an `Agent`. */
export interface AgentLimits {
  /** Open connections; `connect` returns `undefined` beyond it. Default 64. */
  readonly maxConnections: number;
  /** Keys held; further ones are refused. Default 256. */
  readonly maxKeys: number;
  /** Unsent bytes of a connection at which it handles no further request. Default 256 KiB. */
  readonly maxUnsent: number;
}

/** Ranges and defaults of `AgentLimits`. */
export const AGENT_LIMITS: LimitTable<AgentLimits> = limitTable<AgentLimits>({
  maxConnections: { default: 64, least: 1, most: MAX_UINT32, unit: "connections" },
  maxKeys: { default: 256, least: 0, most: MAX_IDENTITIES, unit: "keys" },
  maxUnsent: { default: 262_144, least: 1, most: MAX_UINT32, unit: "bytes" },
});
