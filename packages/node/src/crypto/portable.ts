import { SshError } from "@nacre/wire";

/** Packages with portable implementations of algorithms that node:crypto may lack. */
interface Packages {
  readonly ciphers: typeof import("@nacre/ciphers");
  readonly kex: typeof import("@nacre/kex");
  readonly keys: typeof import("@nacre/keys");
}

const IMPORTS: Readonly<Record<keyof Packages, () => Promise<unknown>>> = {
  ciphers: () => import("@nacre/ciphers"),
  kex: () => import("@nacre/kex"),
  keys: () => import("@nacre/keys"),
};

const imported = new Map<keyof Packages, unknown>();

/** An algorithm that may import portable code before a connection starts. */
export interface Loadable {
  load(): Promise<void>;
}

/** Imports a package of portable code for {@link portable}. */
export async function loadPortable(name: keyof Packages): Promise<void> {
  if (!imported.has(name)) imported.set(name, await IMPORTS[name]());
}

/** Returns a package imported by {@link loadPortable}, or imports it synchronously. Throws `usage` if that is not possible. */
export function portable<K extends keyof Packages>(name: K): Packages[K] {
  return (imported.get(name) ?? importNow(`@nacre/${name}`)) as Packages[K];
}

/** Returns the algorithm with this name from a package's exports. */
export function named(exports: object, name: string): unknown {
  return Object.values(exports).find((one: { readonly name: string }) => one.name === name);
}

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
