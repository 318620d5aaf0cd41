import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { reasonOf, type TestResult } from "../run-vitest.ts";
import type { Seen } from "./seen.ts";
import type { Subject } from "./subject.ts";

/** Test results of one runtime or browser. */
export interface RuntimeResult {
  readonly passed: number;
  readonly failed: number;
  /** Number of tests that the exclusion list excludes. */
  readonly excluded: number;
  /** Facts that a test reported about the subject; `undefined` if that test did not pass. */
  readonly seen: Seen | undefined;
  /** Reasons for the failure of the run, one line each; empty if it succeeded. */
  readonly faults: readonly string[];
  /** Combined standard output and standard error of vitest. */
  readonly output: string;
  readonly seconds: number;
}

/** Where the tests of a subject run. */
export interface Place {
  /** Path of the project's root on this machine, with a trailing slash. */
  readonly root: string;
  /** What precedes an absolute path of this machine in the runtime: `Z:` under Wine. */
  readonly drive: string;
  /** Path of vitest's script. */
  readonly vitest: string;
  /** Environment variables; `undefined` removes one. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends what the tests left running. */
  end(): void;
}

export interface RunOptions {
  /** Path of the project's root, with a trailing slash. */
  readonly root: string;
  /** Whether all tests run. */
  readonly isWhole: boolean;
  /** Arguments for vitest. */
  readonly words: readonly string[];
}

/** Part of vitest's JSON report that this module reads. */
interface Results {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly (TestResult & { readonly meta?: { readonly seen?: Seen } })[];
  }[];
}

/** Time limit of a run in milliseconds, far above its normal duration. Also ends a run with a blocked event loop. */
const TIMEOUT = 25 * 60_000;

/**
 * Runs the tests of a subject. If `isWhole`, at least one test of each file must pass, each exclusion must match a test, and enough tests
 * must pass. `words` are arguments for vitest, such as the files to run.
 */
export async function runTests(subject: Subject, { root, isWhole, words }: RunOptions): Promise<RuntimeResult> {
  const began = performance.now();
  const folder = await mkdtemp(join(subject.folder ?? tmpdir(), "nacre-runtime-"));
  // An interrupt ends the process, also while the project is copied.
  const onExit = (): void => removeNow(folder);
  process.once("exit", onExit);
  try {
    const place = await (subject.place ?? placeIn)(root, folder);
    const file = join(folder, "results.json");
    const { status, output } = await vitest(subject, place, folder, [
      ...words,
      `--outputFile.json=${place.drive}${file}`,
    ]);
    const text = await readFile(file, "utf8").catch(() => undefined);
    const seconds = (performance.now() - began) / 1000;
    if (text === undefined) {
      const faults = [`vitest wrote no results; it ended with ${status}`];
      return { passed: 0, failed: 1, excluded: 0, seen: undefined, faults, output, seconds };
    }
    return { ...judge(subject, place, JSON.parse(text) as Results, status, isWhole), output, seconds };
  } finally {
    process.off("exit", onExit);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** The project itself, as a place. */
async function placeIn(root: string, folder: string): Promise<Place> {
  const script = join(root, "node_modules", "vitest", "vitest.mjs");
  // The browser stores its profile in `folder`, which is removed even if the browser is killed.
  return { root, drive: "", vitest: script, env: { TMPDIR: folder }, end: () => {} };
}

function judge(
  { version, files, exclusions, minTests }: Subject,
  { root, drive }: Place,
  results: Results,
  status: string,
  isWhole: boolean,
): Omit<RuntimeResult, "output" | "seconds"> {
  const pathOf = (name: string): string => relative(root, name.slice(drive.length));
  const tests = results.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((one) => ({ ...one, file: pathOf(name) })),
  );
  const passed = tests.filter((one) => one.status === "passed");
  const failed = tests.filter((one) => one.status === "failed");
  const others = tests.filter((one) => one.status !== "passed" && one.status !== "failed");
  const seen = tests.find(({ meta }) => meta?.seen !== undefined)?.meta?.seen;

  const faults: string[] = [];
  const isExcluded = (one: (typeof tests)[number]): boolean =>
    exclusions.some(({ file, test }) => file === one.file && test === one.fullName);
  for (const one of others)
    if (!isExcluded(one)) faults.push(`test was skipped but is not excluded: ${one.file}: ${one.fullName}`);
  // A partial run may lack the files with the excluded tests.
  if (isWhole) {
    for (const { file, test } of exclusions)
      if (!others.some((one) => one.file === file && one.fullName === test))
        faults.push(`exclusion matches no test: ${file}: ${test}`);
    const ran = new Set([...passed, ...exclusions].map(({ file }) => file));
    for (const file of files) if (!ran.has(file)) faults.push(`no test passed in ${file}`);
    if (passed.length < minTests) faults.push(`only ${passed.length} tests passed, expected at least ${minTests}`);
  }
  for (const { name, message } of results.testResults)
    if (message !== "") faults.push(`${pathOf(name)}: ${message.split("\n")[0]}`);
  for (const one of failed) faults.push(`failed: ${one.file}: ${one.fullName}: ${reasonOf(one)}`);
  if (seen !== undefined && seen.version !== version)
    faults.push(`tests ran in version ${seen.version}, expected ${version}`);
  if (status !== "status 0" || !results.success) faults.push(`vitest ended with ${status}`);
  return { passed: passed.length, failed: failed.length, excluded: others.length, seen, faults };
}

async function vitest(
  { name, command: [program = "", ...before], config, env = {} }: Subject,
  place: Place,
  folder: string,
  words: readonly string[],
): Promise<{ readonly status: string; readonly output: string }> {
  const script = `${place.drive}${place.vitest}`;
  const args = [...before, script, "run", "-c", config, "--reporter=dot", "--reporter=json", ...words];
  // A file, because a program cannot write to a pipe of this process under Wine.
  const file = join(folder, "output.txt");
  const output = openSync(file, "w");
  // Start a separate process group, so that one signal also ends the workers.
  const child = spawn(program, args, {
    cwd: place.root,
    env: { ...process.env, ...env, ...place.env, NACRE_RUNTIME: name, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  const onExit = (): void => {
    killGroup(child);
    place.end();
  };
  // Before the folder is removed.
  process.prependOnceListener("exit", onExit);
  const timer = setTimeout(() => killGroup(child), TIMEOUT);
  const status = await new Promise<string>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("close", (code, signal) => resolve(signal === null ? `status ${code}` : signal));
  });
  clearTimeout(timer);
  place.end();
  process.off("exit", onExit);
  return { status, output: await readFile(file, "utf8") };
}

/** Removes a folder. Retries for up to 3 seconds, because an exiting browser still writes to its profile. */
function removeNow(folder: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 1; attempt <= 30; attempt++) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch {
      Atomics.wait(cell, 0, 0, 100);
    }
  }
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The process group has already ended.
  }
}
