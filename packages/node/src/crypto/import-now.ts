import { SshError } from "@nacre/wire";

/**
 * Imports a module of the portable code synchronously, if it was not loaded before. Throws `usage` if it is not found. Bundlers do not see
 * this import. That is deliberate: webpack warns about a `createRequire` or `import` call with a specifier it cannot resolve.
 */
export function importNow(specifier: string): unknown {
  try {
    return process.getBuiltinModule("node:module").createRequire(import.meta.url)(specifier);
  } catch (cause) {
    throw new SshError(
      "usage",
      `cannot import ${specifier} synchronously; await \`loadAlgorithms()\` before connecting`,
      { cause },
    );
  }
}
