import { SshError } from "@nacre/wire";

/**
 * Imports a module of the portable code at once, where nobody has awaited its import. Throws `usage` where it cannot be found: a bundler does
 * not see this import, and must not: webpack warns of a `createRequire` or `import` whose request it cannot know.
 */
export function importNow(specifier: string): unknown {
  try {
    return process.getBuiltinModule("node:module").createRequire(import.meta.url)(specifier);
  } catch (cause) {
    throw new SshError(
      "usage",
      `${specifier} cannot be imported this late: await loadAlgorithms() before a connection begins`,
      { cause },
    );
  }
}
