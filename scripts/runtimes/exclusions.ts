import type { RuntimeName } from "./list.ts";

/** A test that is Node's alone. */
export interface Exclusion {
  readonly runtimes: readonly RuntimeName[];
  /** From the project's root. */
  readonly file: string;
  /** Its full title: those of the suites and its own, with a blank between. */
  readonly test: string;
  readonly reason: string;
}

/**
 * The tests that the matrix leaves out, and where. Only two reasons count: it starts `process.execPath` with flags of Node's, or it is about
 * Node's own behaviour. The matrix fails when an entry matches no test.
 */
export const EXCLUSIONS: readonly Exclusion[] = [
  {
    file: "packages/node/test/crypto/load.test.ts",
    test: "noble's ML-KEM is imported when it is used, where nobody has awaited it",
  },
  {
    file: "packages/node/test/crypto/load.test.ts",
    test: "noble's chacha20-poly1305 is imported when it is used, where WebAssembly is forbidden and nobody has awaited it",
  },
  {
    file: "packages/nacre/test/no-crypto.test.ts",
    test: "on a platform without crypto both sides work with the option `random`",
  },
].map((test) => ({ ...test, runtimes: ["deno"], reason: "starts process.execPath with --import and --input-type" }));

export function exclusionsOn(runtime: RuntimeName): readonly Exclusion[] {
  return EXCLUSIONS.filter(({ runtimes }) => runtimes.includes(runtime));
}

/** Matches the full title of every test that is not excluded; for vitest's `testNamePattern`. */
export function allTestsBut(excluded: readonly Exclusion[]): RegExp {
  const titles = excluded.map(({ test }) => test.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
  return new RegExp(titles.length === 0 ? "" : `^(?!\\s*(?:${titles.join("|")})$)`);
}
