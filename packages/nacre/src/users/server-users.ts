import type { LimitRanges } from "@nacre/wire";
import type { OptionRows } from "../options/schema.ts";
import type { PermissionRows } from "./base/permission.ts";
import type { ServerUser, ServerUserTypes } from "./base/server-user.ts";
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

/** Merges the rows of all users in the list. Does not compile if a row is missing, in the list or in the declared interface. */
function merged<Declared extends Rows, Rows>(part: "options" | "permissions" | "limits"): Declared | Rows {
  return Object.assign({}, ...SERVER_USERS.map((user) => user[part])) as Rows;
}

type DeclaredOptions = OptionRows<UserServeOptions<BaseSession>>;
type DeclaredPermissions = PermissionRows<UserPermissions, UserGrantedPermissions>;
type DeclaredLimits = LimitRanges<UserLimits>;

export const USER_OPTIONS: DeclaredOptions = /* @__PURE__ */ merged<DeclaredOptions, OptionRows<Listed<"options">>>(
  "options",
);
export const USER_PERMISSIONS: DeclaredPermissions = /* @__PURE__ */ merged<
  DeclaredPermissions,
  PermissionRows<Listed<"permissions">, UserGrantedPermissions>
>("permissions");
export const USER_LIMITS: DeclaredLimits = /* @__PURE__ */ merged<DeclaredLimits, LimitRanges<Listed<"limits">>>(
  "limits",
);
