// Fuzzes all targets alternately for the given time, and prints the results. `npm run fuzz -- --help` lists the options.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { optionsOr } from "../options.ts";
import { type Bundle, bundle } from "./fuzzer/bundle.ts";
import type { FuzzOptions } from "./fuzzer/loop.ts";
import type { Finding, Summary } from "./fuzzer/target.ts";
import { watch } from "./fuzzer/watch.ts";
import { seedsOf } from "./seeds.ts";
import { targets } from "./targets/index.ts";

const TARGETS = fileURLToPath(new URL("./targets/index.ts", import.meta.url));
const FINDINGS = fileURLToPath(new URL("./findings/", import.meta.url));
const DEFAULT_SECONDS = 600;
/** Maximum duration of one run of a target in milliseconds. */
const RUN = 15_000;

const HELP = `npm run fuzz -- [--only TARGET,…] [--seconds N] [--executions N] [--seed N] [--jobs N] [--input FILE]

  --only TARGET,…  fuzz only these targets; available: ${targets.map(({ name }) => name).join(", ")}
  --seconds N      total duration in seconds (default ${DEFAULT_SECONDS})
  --executions N   run N inputs for each target instead; repeatable with the same seed
  --seed N         seed of the random numbers (default: from the clock)
  --jobs N         number of targets fuzzed concurrently (default: number of CPUs)
  --input FILE     run only this input; needs --only TARGET`;

/** Results of all runs of a target. */
interface Total {
  readonly name: string;
  executions: number;
  milliseconds: number;
  covered: number;
  corpus: readonly Uint8Array[];
  finding: Finding | undefined;
}

const values = optionsOr(HELP, {
  only: { type: "string" },
  seconds: { type: "string" },
  executions: { type: "string" },
  seed: { type: "string" },
  jobs: { type: "string" },
  input: { type: "string" },
});

await main();

async function main(): Promise<void> {
  const names = values.only?.split(",") ?? targets.map(({ name }) => name);
  const unknown = names.find((name) => !targets.some((target) => target.name === name));
  if (unknown !== undefined) throw new Error(`unknown target ${unknown}\n\n${HELP}`);
  const seed = numberOf("seed") ?? Date.now() % 1_000_000;

  using program = await bundle(TARGETS);
  const totals: Total[] = names.map((name) => ({
    name,
    executions: 0,
    milliseconds: 0,
    covered: 0,
    corpus: seedsOf(name),
    finding: undefined,
  }));
  if (values.input !== undefined) await repeat(program, totals, new Uint8Array(readFileSync(values.input)));
  else await rounds(program, totals, seed);
  report(totals, seed);
}

/** Runs one input of one target, to reproduce a finding. */
async function repeat(program: Bundle, totals: readonly Total[], input: Uint8Array): Promise<void> {
  const [total, more] = totals;
  if (total === undefined || more !== undefined) throw new Error("--input needs exactly one target in --only");
  const options: FuzzOptions = { seed: 0, executions: 0, milliseconds: Number.POSITIVE_INFINITY, seeds: [input] };
  add(total, await watch(program, total.name, options));
}

/** Fuzzes all targets alternately, several concurrently, so that they get equal time. */
async function rounds(program: Bundle, totals: readonly Total[], seed: number): Promise<void> {
  const jobs = numberOf("jobs") ?? Math.min(totals.length, availableParallelism());
  const executions = numberOf("executions");
  const seconds = numberOf("seconds") ?? DEFAULT_SECONDS;
  const end = executions === undefined ? performance.now() + seconds * 1000 : Number.POSITIVE_INFINITY;
  const runTime = executions === undefined ? Math.min(RUN, (seconds * 1000 * jobs) / totals.length) : end;
  for (let round = 0; performance.now() < end; round++) {
    const waiting = totals.filter(({ finding }) => finding === undefined);
    if (waiting.length === 0 || (executions !== undefined && round > 0)) return;
    const work = async (): Promise<void> => {
      for (let total = waiting.shift(); total !== undefined; total = waiting.shift()) {
        const left = Math.min(runTime, end - performance.now());
        if (left <= 0) return;
        const options = { seed: seed + round, executions: executions ?? Number.POSITIVE_INFINITY, milliseconds: left };
        add(total, await watch(program, total.name, { ...options, seeds: total.corpus }));
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
  }
}

function add(total: Total, summary: Summary): void {
  total.executions += summary.executions;
  total.milliseconds += summary.milliseconds;
  total.covered = Math.max(total.covered, summary.covered);
  total.corpus = summary.corpus;
  total.finding = summary.finding;
  if (summary.finding === undefined) return;
  const { target, input, problem } = summary.finding;
  mkdirSync(FINDINGS, { recursive: true });
  const file = join(FINDINGS, `${target}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}`);
  writeFileSync(file, input);
  console.error(
    `\n✗ ${target}: ${problem}\n  to reproduce: npm run fuzz -- --only ${target} --input ${relative(process.cwd(), file)}\n`,
  );
}

function report(totals: readonly Total[], seed: number): void {
  const rows = totals.map(({ name, executions, milliseconds, covered, corpus, finding }) => [
    name,
    String(executions),
    String(Math.round(executions / Math.max(0.001, milliseconds / 1000))),
    String(covered),
    String(corpus.length),
    finding === undefined ? "0" : "1",
  ]);
  const table = [["target", "executions", "per second", "blocks", "corpus", "findings"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table)
    console.log(row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join("  "));
  const found = totals.filter(({ finding }) => finding !== undefined).length;
  console.log(`seed ${seed}: ${found === 0 ? "no findings" : `${found} findings`}`);
  process.exitCode = found === 0 ? 0 : 1;
}

function numberOf(name: "seconds" | "executions" | "seed" | "jobs"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`expected an integer for --${name}, got ${text}`);
  return Number(text);
}
