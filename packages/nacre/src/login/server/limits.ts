import { SESSION_LIMITS } from "@nacre/session";
import { type LimitTable, limitTable, MAX_UINT32 } from "@nacre/wire";
import type { ServerLimits } from "./options.ts";

/** Ranges and defaults of a server's limits. */
export const SERVER_LIMITS: LimitTable<ServerLimits> = /* @__PURE__ */ serverLimits();

function serverLimits(): LimitTable<ServerLimits> {
  return limitTable<ServerLimits>({
    ...SESSION_LIMITS.ranges,
    maxSessions: { default: 10, least: 0, most: MAX_UINT32, unit: "sessions" },
    envVariables: { default: 64, least: 0, most: MAX_UINT32, unit: "variables" },
    envLength: { default: 32_768, least: 0, most: MAX_UINT32, unit: "characters" },
    maxForwardedConnections: { default: 224, least: 0, most: MAX_UINT32, unit: "connections" },
    maxForwardListeners: { default: 32, least: 0, most: MAX_UINT32, unit: "listeners" },
  });
}
