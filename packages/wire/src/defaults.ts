/**
 * `changes` over `defaults`: one of the two itself where nothing is missing, so that any number of connections share one object of
 * limits.
 */
export function withDefaults<T extends object>(defaults: T, changes: Partial<T> | undefined): T {
  if (changes === undefined) return defaults;
  for (const name in defaults) if (changes[name] === undefined) return { ...defaults, ...changes };
  return changes as T;
}
