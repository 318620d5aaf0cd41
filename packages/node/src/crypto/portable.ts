import { importNow } from "./import-now.ts";

/** Packages of portable code, which stand in for what node:crypto lacks. */
interface Packages {
  readonly ciphers: typeof import("@nacre/ciphers");
  readonly kex: typeof import("@nacre/kex");
  readonly keys: typeof import("@nacre/keys");
}

const IMPORTS: { readonly [K in keyof Packages]: () => Promise<Packages[K]> } = {
  ciphers: () => import("@nacre/ciphers"),
  kex: () => import("@nacre/kex"),
  keys: () => import("@nacre/keys"),
};

const imported: { -readonly [K in keyof Packages]?: Packages[K] } = {};

/** An algorithm that may need portable code, and imports it before a connection begins. */
export interface Loadable {
  load(): Promise<void>;
}

/** Imports a package of portable code, for {@link portable}. */
export async function loadPortable<K extends keyof Packages>(name: K): Promise<void> {
  imported[name] ??= await IMPORTS[name]();
}

/** A package of portable code: the one that {@link loadPortable} has imported, or imported now. Throws `usage` where that cannot be. */
export function portable<K extends keyof Packages>(name: K): Packages[K] {
  return imported[name] ?? (importNow(`@nacre/${name}`) as Packages[K]);
}

/** The algorithm of that name among a package's exports. */
export function named<T extends { readonly name: string }>(exports: Readonly<Record<string, unknown>>, name: string): T {
  return Object.values(exports as Readonly<Record<string, T>>).find((one) => one.name === name)!;
}
