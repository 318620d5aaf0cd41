import * as list from "./client-list.ts";
import type { ClientUser, LimitsOf, OptionsOf } from "./client-user.ts";

export type UserConnectOptions = OptionsOf<typeof list>;
export type UserClientLimits = LimitsOf<typeof list>;

/** All users, each known by the interface that they share. */
export const CLIENT_USERS: readonly ClientUser[] = /* @__PURE__ */ Object.values(
  list,
) as readonly unknown[] as readonly ClientUser[];
