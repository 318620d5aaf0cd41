import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ensureContainer } from "../openssh/container.ts";
import { ensurePeers } from "../peers/install.ts";
import { EXCLUSIONS } from "./exclusions.ts";
import { ensureRuntimes, type InstalledRuntime } from "./install.ts";
import { type RuntimeResult, runTests } from "./run.ts";
import { type RuntimeRow, readRows, staleness, writeRows } from "./table.ts";

export interface MatrixOptions {
  /** Names of the runtimes to run; default all. */
  readonly only?: readonly string[] | undefined;
  /** Arguments for vitest: test files and options. Default all files. With arguments, README's table is not checked. */
  readonly words?: readonly string[] | undefined;
  /** Whether to write the results into `results.json` and README instead of comparing them. */
  readonly write?: boolean | undefined;
}

export interface MatrixResult {
  readonly passed: number;
  readonly failed: number;
  readonly green: boolean;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Number of runtimes under test at a time, each with one worker. While a test of one waits, the other uses the CPU. */
const AT_ONCE = 2;

/**
 * Installs the runtimes, starts an OpenSSH server, and runs the tests in each runtime. Prints a line for each runtime, and the whole output
 * of a runtime with failures.
 *
 * @throws if a runtime or OpenSSH is not available. No runtime is skipped.
 */
export async function runMatrix({ only = [], words = [], write = false }: MatrixOptions = {}): Promise<MatrixResult> {
  const installed = await ensureRuntimes();
  const unknown = only.filter((name) => !installed.some((runtime) => runtime.name === name));
  if (unknown.length > 0)
    throw new Error(
      `unknown runtime ${unknown.join(", ")}; expected one of ${installed.map(({ name }) => name).join(", ")}`,
    );
  const chosen = installed.filter(({ name }) => only.length === 0 || only.includes(name));
  await ensurePeers();
  const container = await ensureContainer();
  const results = new Map<InstalledRuntime, RuntimeResult>();
  try {
    const waiting = [...chosen];
    const expectedFiles = words.length === 0 ? testFiles() : [];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const result = await runTests(next, { root, expectedFiles, words: ["--maxWorkers=1", ...words] });
        results.set(next, result);
        report(next, result);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    await container.stop();
  }

  const all = [...results.values()];
  // An error outside a test counts as a failed test.
  let failed = all.reduce((sum, one) => sum + Math.max(one.failed, Math.min(one.faults.length, 1)), 0);
  let green = all.length > 0 && all.every(({ faults, passed }) => faults.length === 0 && passed > 0);
  if (green && only.length === 0 && words.length === 0) {
    const rows = chosen.map((runtime) => rowOf(runtime, results.get(runtime)!));
    if (write) writeRows(root, rows);
    const stale =
      JSON.stringify(rows) === JSON.stringify(readRows(root))
        ? staleness(root)
        : "results.json differs from the results of this run";
    if (stale !== undefined) {
      console.log(`✗ ${stale}; run npm run runtimes -- --write`);
      green = false;
      failed++;
    }
  }
  return { passed: all.reduce((sum, one) => sum + one.passed, 0), failed, green };
}

function report({ title, version }: InstalledRuntime, result: RuntimeResult): void {
  const { passed, excluded, seconds, faults } = result;
  const isGreen = faults.length === 0;
  if (!isGreen) console.log(result.output);
  const left = excluded === 0 ? "" : `, ${excluded} Node-only tests excluded`;
  console.log(`${isGreen ? "✓" : "✗"} ${title} (${version}): ${passed} tests passed${left} (${seconds.toFixed(0)} s)`);
  for (const fault of faults) console.log(`    ${fault}`);
}

/** Returns the row of README's table for a runtime, from the results of its tests. */
function rowOf({ name, title, ownSockets }: InstalledRuntime, { seen }: RuntimeResult): RuntimeRow {
  if (seen === undefined) throw new Error(`${title}: offered.test.ts reported no results`);
  const nodeOnly = EXCLUSIONS.filter(({ runtimes }) => runtimes.includes(name)).length;
  return { name, title, ...seen, ...(ownSockets === undefined ? {} : { ownSockets }), nodeOnly };
}

/** Returns the test files that every runtime must run. */
function testFiles(): string[] {
  const units = [...testsIn("packages/node/test"), ...testsIn("packages/nacre/test")];
  return [
    ...units.filter((file) => !/^packages\/\w+\/test\/interop\//.test(file)),
    ...testsIn("scripts/runtimes/interop"),
  ];
}

function testsIn(folder: string): string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name}`);
}
