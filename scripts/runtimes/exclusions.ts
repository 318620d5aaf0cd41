import type { RuntimeName } from "./list.ts";

/** A test that applies to Node only. */
export interface Exclusion {
  readonly runtimes: readonly RuntimeName[];
  /** Path relative to the project's root. */
  readonly file: string;
  /** Full title: the titles of its suites and its own, separated by spaces. */
  readonly test: string;
  readonly reason: string;
}

/**
 * Tests that the matrix excludes, with the runtimes. Only two reasons are valid: the test starts `process.execPath` with flags of Node,
 * or it tests behaviour of Node itself. The matrix fails if an entry matches no test.
 */
export const EXCLUSIONS: readonly Exclusion[] = [
  {
    file: "packages/node/test/crypto/load.test.ts",
    test: "noble's ML-KEM is imported on first use if it was not loaded before",
  },
  {
    file: "packages/node/test/crypto/load.test.ts",
    test: "noble's chacha20-poly1305 is imported on first use if WebAssembly is forbidden and it was not loaded before",
  },
  {
    file: "packages/nacre/test/no-crypto.test.ts",
    test: "both sides work with the option `random` on a platform without crypto",
  },
].map((test) => ({ ...test, runtimes: ["deno"], reason: "starts process.execPath with --import and --input-type" }));

export function exclusionsOn(runtime: RuntimeName): readonly Exclusion[] {
  return EXCLUSIONS.filter(({ runtimes }) => runtimes.includes(runtime));
}

/** Returns a pattern for vitest's `testNamePattern` that matches the full title of every test except the excluded ones. */
export function allTestsBut(excluded: readonly Exclusion[]): RegExp {
  const titles = excluded.map(({ test }) => test.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
  return new RegExp(titles.length === 0 ? "" : `^(?!\\s*(?:${titles.join("|")})$)`);
}
