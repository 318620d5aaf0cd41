/** How one permission of a login's factors is combined. `V` is its type in `Permissions`, `G` in `GrantedPermissions`. */
export interface PermissionRow<V, G = V> {
  /**
   * Returns what the login may do, from the values of its factors in order; `undefined` for a factor that does not name the permission.
   * It must allow only what each factor allows.
   */
  combine(values: readonly (V | undefined)[]): G;
  /** Whether a value of a JavaScript program is valid; default: all are. */
  isValid?(value: unknown): boolean;
}

/** A row for each permission of `P`; a missing row is a compile error. `G` has the combined permissions. */
export type PermissionRows<P, G> = {
  readonly [Name in keyof P]-?: PermissionRow<NonNullable<P[Name]>, Name extends keyof G ? G[Name] : never>;
};

/** A permission that every factor must grant with `true`. */
export const grantedByAll: PermissionRow<boolean> = {
  combine: (values) => values.length > 0 && /* rule: factor-forwarding */ values.every((value) => value === true),
};

/** Shared by all logins without names, to save memory. */
const NO_NAMES: readonly string[] = [];

/** Names that every factor lists, each once. A value that is not an array of texts makes the decision invalid. */
export const namedByAll: PermissionRow<readonly string[]> = {
  combine([first = NO_NAMES, ...others]) {
    // rule: factor-names
    const names = [...new Set(first)].filter((name) => others.every((list) => list?.includes(name) === true));
    return names.length === 0 ? NO_NAMES : names;
  },
  isValid: isTexts,
};

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
