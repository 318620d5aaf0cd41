/** Some of the fields of `T`; one that is `undefined` counts as missing. */
export type Overrides<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/**
 * `changes` over `defaults`: one of the two itself where nothing is missing, so that any number of connections share one object of
 * limits. What is `undefined` is missing: a bound of a program without types must not be lost by that.
 */
export function withDefaults<T extends object>(defaults: T, changes: Overrides<T> | undefined): T {
  if (changes === undefined) return defaults;
  const missing = (Object.keys(defaults) as (keyof T)[]).filter((name) => changes[name] === undefined);
  if (missing.length === 0) return changes as T;
  const complete: T = { ...defaults, ...changes };
  for (const name of missing) complete[name] = defaults[name];
  return complete;
}
