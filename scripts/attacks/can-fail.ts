// Shows that every test of the attack suite can fail: takes each rule out of a throw-away copy of the sources, and sees the
// tests of its rows turn red. Fails when one stays green, or when no comment in the sources names a rule. `--only TEXT` tries
// the rows whose name has the text, or with a patch for the rule of that id or for a rule of that file.
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { HELD, type HeldSide } from "@nacre/testing/attacks/rows";
import { describePatch, type Patch, readRules } from "@nacre/testing/attacks/rules";
import { ThrowAway } from "./throw-away.ts";

interface Job {
  readonly patch: Patch;
  /** Which must all fail. */
  readonly sides: HeldSide[];
}

const at = process.argv.indexOf("--only");
const only = at < 0 ? "" : (process.argv[at + 1] ?? "");
const rules = readRules(pathToFileURL("./"));
const chosen = HELD.filter(({ name, patches }) => name.includes(only) || patches.flat().some(isOnly));
const jobs = new Map<string, Job>();
for (const side of chosen)
  for (const patch of side.patches) {
    const key = JSON.stringify(patch);
    const job = jobs.get(key) ?? { patch, sides: [] };
    job.sides.push(side);
    jobs.set(key, job);
  }
if (jobs.size === 0) throw new Error(`no row is called ${only}`);

const copies: ThrowAway[] = [];
const cleanUp = (): void => {
  for (const copy of copies) copy.remove();
};
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    cleanUp();
    process.exit(1);
  });

const started = performance.now();
let wrong = 0;
try {
  const count = Math.min(3, Math.max(2, availableParallelism()), jobs.size);
  for (let i = 0; i < count; i++) copies.push(new ThrowAway());

  const files = [...new Set(chosen.map(({ file }) => file))];
  const whole = await copies[0]!.run(
    files,
    chosen.map(({ name }) => name),
  );
  for (const [name, result] of whole)
    if (result !== "passed") {
      console.log(`${name}: ${result} although nothing was taken out`);
      wrong++;
    }

  const queue = [...jobs.values()];
  await Promise.all(copies.map((copy) => work(copy, queue)));
} finally {
  cleanUp();
}
const shown = [...jobs.values()].reduce((sum, { sides }) => sum + sides.length, 0);
const seconds = Math.round((performance.now() - started) / 1000);
console.log(
  `\n${jobs.size} rules taken out, ${shown} times a test had to fail, ${wrong} wrong, in ${seconds} s (${chosen.length} rows and sides)`,
);
process.exitCode = wrong > 0 ? 1 : 0;

function isOnly({ rule }: Patch[number]): boolean {
  return rule === only || rules.fileOf(rule) === only;
}

async function work(copy: ThrowAway, queue: Job[]): Promise<void> {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    const { patch, sides } = job;
    try {
      const results = await copy.run(
        [...new Set(sides.map(({ file }) => file))],
        sides.map(({ name }) => name),
        rules.patched(patch),
      );
      for (const [name, result] of results) {
        const verdict = result === "failed" ? "red" : result === "passed" ? "STAYS GREEN" : "DID NOT RUN";
        if (result !== "failed") wrong++;
        console.log(`${verdict.padEnd(12)}${name.padEnd(55)}${describePatch(patch)}`);
      }
    } catch (error) {
      wrong++;
      console.log(`NOT THERE   ${sides.map(({ name }) => name).join(", ")}: ${(error as Error).message}`);
    }
  }
}
