import { fileURLToPath } from "node:url";
import { ensureContainer } from "@nacre/testing/openssh/container";
import { WINDOWS } from "./list.ts";
import { type RuntimeResult, runTests } from "./run.ts";
import { installSubjects, type Subject } from "./subject.ts";
import { isSame, type RuntimeRow, readRows, staleness, writeRows } from "./table.ts";
import { canRunWindows } from "./windows/install.ts";

export interface MatrixOptions {
  /** Names of the runtimes and browsers to test; default all. */
  readonly only?: readonly string[] | undefined;
  /** Arguments for vitest: test files and options; default all files. With arguments, the matrix does not check README's table. */
  readonly words?: readonly string[] | undefined;
  /** Whether to write the results into `results.json` and README instead of comparing them. */
  readonly write?: boolean | undefined;
}

export interface MatrixResult {
  readonly passed: number;
  readonly failed: number;
  /** One line per fault, with the name of the runtime or browser. Empty if everything passed. */
  readonly faults: readonly string[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Number of concurrent subjects, each with one worker. While a test of one subject waits, the others use the CPU. */
const AT_ONCE = 3;

/**
 * Installs the runtimes and browsers, starts an OpenSSH server, and runs the tests in each. Prints one line per subject, and the complete
 * output of a subject with failures.
 *
 * @throws if a runtime, a browser or OpenSSH is not available. The matrix skips Windows alone, and only where Wine cannot run.
 */
export async function runMatrix({ only = [], words = [], write = false }: MatrixOptions = {}): Promise<MatrixResult> {
  const subjects = await installSubjects(only);
  const container = subjects.some(({ needsServer }) => needsServer) ? await ensureContainer() : undefined;
  const results = new Map<Subject, RuntimeResult>();
  try {
    // Start Windows and Chromium first: they are last in the list and take longest.
    const waiting = subjects.toReversed();
    const isWhole = words.length === 0;
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const result = await runTests(next, { root, isWhole, words: ["--maxWorkers=1", ...words] });
        results.set(next, result);
        report(next, result);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    await container?.stop();
  }

  const all = [...results.values()];
  const faults = [...results].flatMap(([{ title }, result]) => result.faults.map((fault) => `${title}: ${fault}`));
  // Count an error outside a test as a failed test.
  let failed = all.reduce((sum, one) => sum + Math.max(one.failed, Math.min(one.faults.length, 1)), 0);
  const isComplete = only.length === 0 && words.length === 0 && all.every(({ seen }) => seen !== undefined);
  if (isComplete) {
    const unseen = canRunWindows ? [] : readRows(root).filter(({ name }) => name === WINDOWS.name);
    const rows = [...subjects.map((subject) => rowOf(subject, results.get(subject)!)), ...unseen];
    if (write && faults.length === 0) writeRows(root, rows);
    const stale = isSame(rows, readRows(root)) ? staleness(root) : "results.json differs from the results of this run";
    if (stale !== undefined) {
      faults.push(`${stale}; run npm run runtimes -- --write`);
      console.log(`✗ ${faults.at(-1)}`);
      failed++;
    }
  }
  if (!canRunWindows && (only.length === 0 || only.includes(WINDOWS.name)))
    console.log(`– ${WINDOWS.title}: not run, because Wine needs amd64 for it`);
  for (const [{ title }, { passed }] of results) if (passed === 0) faults.push(`${title}: no test passed`);
  return { passed: all.reduce((sum, one) => sum + one.passed, 0), failed, faults };
}

function report({ title, version, excludedFiles }: Subject, result: RuntimeResult): void {
  const { passed, excluded, seconds, faults } = result;
  const isGreen = faults.length === 0;
  if (!isGreen) console.log(result.output);
  const left = [
    ...(excluded === 0 ? [] : [`${excluded} tests`]),
    ...(excludedFiles === 0 ? [] : [`${excludedFiles} files`]),
  ];
  const note = left.length === 0 ? "" : `, ${left.join(" and ")} excluded`;
  console.log(`${isGreen ? "✓" : "✗"} ${title} (${version}): ${passed} tests passed${note} (${seconds.toFixed(0)} s)`);
  for (const fault of faults) console.log(`    ${fault}`);
}

/** Returns the row of README's table for a runtime or browser, built from its test results. */
function rowOf({ name, title, ownSockets }: Subject, { seen }: RuntimeResult): RuntimeRow {
  if (seen === undefined) throw new Error(`${title}: no test reported a version`);
  return { name, title, ...seen, ...(ownSockets === undefined ? {} : { ownSockets }) };
}
