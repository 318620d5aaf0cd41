import { grantedByAll, type PermissionRows } from "./server/permission.ts";
import type { UserPermissions } from "./server-list.ts";
import { USER_PERMISSIONS, type UserGrantedPermissions } from "./server-users.ts";

/**
 * Permissions of a login. `command`, `pty` and `environment` restrict its sessions. The others grant features that are refused by default.
 */
export interface Permissions extends UserPermissions {
  /** True grants X11 forwarding; default false (RFC 4254 §6.3). */
  readonly x11Forwarding?: boolean | undefined;
}

/** Combined permissions of all factors of a login. */
export interface GrantedPermissions extends UserGrantedPermissions {
  readonly x11Forwarding: boolean;
}

const ROWS: PermissionRows<Permissions, GrantedPermissions> = /* @__PURE__ */ Object.assign(
  { x11Forwarding: grantedByAll },
  USER_PERMISSIONS,
);

/** The permissions of a factor that the application accepted without any. */
export const NO_PERMISSIONS: Permissions = {};

/** What these permissions grant, made on first use. All logins with them share it, to keep thousands of idle connections small. */
let nothing: GrantedPermissions | undefined;

/**
 * Combines the permissions of a login's factors, given in order. The result allows only what each factor allows. Without factors nothing is
 * granted.
 */
export function combinePermissions(all: readonly Permissions[]): GrantedPermissions {
  if (all.length !== 1 || all[0] !== NO_PERMISSIONS) return combine(all);
  nothing ??= combine(all);
  return nothing;
}

function combine(all: readonly Permissions[]): GrantedPermissions {
  const names = Object.keys(ROWS) as (keyof Permissions)[];
  const combined = names.map((name) => [name, ROWS[name].combine(all.map((one) => one[name]) as never)]);
  return Object.fromEntries(combined) as GrantedPermissions;
}

/**
 * Returns whether a value from a JavaScript program is a valid permissions object. An invalid list must not count as missing, nor one with
 * a misspelled name: that would permit everything.
 */
export function isPermissions(value: unknown): value is Permissions {
  if (typeof value !== "object" || value === null) return false;
  // An unknown name with a boolean grants a feature that this server does not have.
  for (const [name, given] of Object.entries(value))
    if (!Object.hasOwn(ROWS, name) && typeof given !== "boolean" && given !== undefined) return false;
  return Object.entries(ROWS).every(([name, row]) => {
    const given = (value as Record<string, unknown>)[name];
    return given === undefined || row.isValid === undefined || row.isValid(given);
  });
}
