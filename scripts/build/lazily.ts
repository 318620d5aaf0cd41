/** What the proxies stand for: only a proxy of a function can be called and constructed. */
function callable(): void {}

/**
 * Returns a stand-in for a function or object of a module that is loaded when the stand-in is first used: called, constructed, or read. It
 * has the members of the original, but is not identical to it.
 */
export function lazily<T extends object>(load: () => T): T {
  let loaded: T | undefined;
  const original = (): T => {
    loaded ??= load();
    return loaded;
  };
  return new Proxy(callable as unknown as T, {
    apply: (_target, self: unknown, args: unknown[]) => Reflect.apply(original() as () => unknown, self, args),
    construct: (_target, args: unknown[]) => Reflect.construct(original() as new () => object, args),
    get: (_target, name) => Reflect.get(original(), name) as unknown,
    has: (_target, name) => Reflect.has(original(), name),
  });
}
