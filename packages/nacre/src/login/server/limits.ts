import { PROTOCOL_LIMITS } from "@nacre/protocol";
import { type LimitTable, limitTable } from "@nacre/wire";
import { USER_LIMITS } from "../../users/server-users.ts";
import type { ServerLimits } from "./options.ts";

/** Ranges and defaults of a server's limits. */
export const SERVER_LIMITS: LimitTable<ServerLimits> = /* @__PURE__ */ serverLimits();

function serverLimits(): LimitTable<ServerLimits> {
  return limitTable<ServerLimits>({
    ...PROTOCOL_LIMITS.ranges,
    ...USER_LIMITS,
  });
}
