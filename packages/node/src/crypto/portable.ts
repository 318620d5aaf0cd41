import { importNow } from "./import-now.ts";

/** Packages of portable code, which stand in for what node:crypto lacks. */
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

/** An algorithm that may need portable code, and imports it before a connection begins. */
export interface Loadable {
  load(): Promise<void>;
}

/** Imports a package of portable code, for {@link portable}. */
export async function loadPortable(name: keyof Packages): Promise<void> {
  if (!imported.has(name)) imported.set(name, await IMPORTS[name]());
}

/** Returns a package of portable code: as {@link loadPortable} has imported it, or imported now. Throws `usage` where that cannot be. */
export function portable<K extends keyof Packages>(name: K): Packages[K] {
  return (imported.get(name) ?? importNow(`@nacre/${name}`)) as Packages[K];
}

/** Returns the algorithm of that name among a package's exports. */
export function named(exports: object, name: string): unknown {
  return Object.values(exports).find((one: { readonly name: string }) => one.name === name);
}
