import type { LimitRanges } from "@nacre/wire";
import type { OptionRows } from "../options/schema.ts";
import type { PermissionRows } from "./permission.ts";
import { serverList } from "./server-list.ts";
import type { ServerUser, ServerUserTypes } from "./server-user.ts";

type List = typeof serverList;
type Types = { readonly [Name in keyof List]: NonNullable<List[Name]["types"]> };

/** The intersection of `T[Part]` of all users. */
type All<Part extends keyof ServerUserTypes, T = Types> = {
  [Name in keyof T]: (value: T[Name][Part & keyof T[Name]]) => void;
}[keyof T] extends (value: infer Result) => void
  ? Result
  : never;

/** Options of the users, except those of sessions, whose type depends on the kind of session. */
export type UserServeOptions = All<"options", Omit<Types, "sessionServer">>;
export type UserPermissions = All<"permissions">;
export type UserGrantedPermissions = All<"granted">;
export type UserLimits = All<"limits">;
export type UserEvent = Types[keyof Types]["event"];

/** All users, each known by the interface that they share. */
export const SERVER_USERS: readonly ServerUser[] = /* @__PURE__ */ Object.values<unknown>(
  serverList,
) as readonly ServerUser[];

/** Merges the rows of all users. The types above say which rows there are. */
function merged(part: "options" | "permissions" | "limits"): never {
  return Object.assign({}, ...SERVER_USERS.map((user) => user[part])) as never;
}

export const USER_OPTIONS: OptionRows<All<"options">> = /* @__PURE__ */ merged("options");
export const USER_PERMISSIONS: PermissionRows<UserPermissions, UserGrantedPermissions> =
  /* @__PURE__ */ merged("permissions");
export const USER_LIMITS: LimitRanges<UserLimits> = /* @__PURE__ */ merged("limits");
