import type { LimitRanges } from "@nacre/wire";
import type { OptionRows } from "../options/schema.ts";
import type { PermissionRows } from "./server/permission.ts";
import type { ServerUser, ServerUserTypes } from "./server/server-user.ts";
import { serverList, type UserLimits, type UserPermissions, type UserServeOptions } from "./server-list.ts";
import type { BaseSession } from "./session/base-session.ts";

type List = typeof serverList;

/** The intersection of `T[Part]` of all users in the list. */
type Listed<Part extends keyof ServerUserTypes> = {
  [Name in keyof List]: (value: NonNullable<List[Name]["types"]>[Part]) => void;
}[keyof List] extends (value: infer Result) => void
  ? Result
  : never;

/** The events of all users in the list. */
export type UserEvent = NonNullable<List[keyof List]["types"]>["event"];

/** Combined permissions of a login's factors. */
export type UserGrantedPermissions = Listed<"granted">;

/** All users, each known by the interface that they share. */
export const SERVER_USERS: readonly ServerUser[] = /* @__PURE__ */ Object.values<unknown>(
  serverList,
) as readonly ServerUser[];

/** The rows of a declared interface. Does not compile unless it declares all that the users in the list add. */
type Covering<Declared extends Rows, Rows> = Declared;

type ListedOptions = OptionRows<Listed<"options">>;
type ListedPermissions = PermissionRows<Listed<"permissions">, UserGrantedPermissions>;
type ListedLimits = LimitRanges<Listed<"limits">>;

export const USER_OPTIONS: Covering<OptionRows<UserServeOptions<BaseSession>>, ListedOptions> = /* @__PURE__ */ merged(
  "options",
) as ListedOptions;
export const USER_PERMISSIONS: Covering<
  PermissionRows<UserPermissions, UserGrantedPermissions>,
  ListedPermissions
> = /* @__PURE__ */ merged("permissions") as ListedPermissions;
export const USER_LIMITS: Covering<LimitRanges<UserLimits>, ListedLimits> = /* @__PURE__ */ merged(
  "limits",
) as ListedLimits;

/** Merges the rows of all users in the list. */
function merged(part: "options" | "permissions" | "limits"): object {
  return Object.assign({}, ...SERVER_USERS.map((user) => user[part])) as object;
}
