import { importNow } from "./import-now.ts";

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
