// Shows that every test of the attack suite can fail. Removes each rule from a temporary copy of the sources, and checks that the
// tests of that rule fail. Exits with status 1 if a test still passes, or if no comment in the sources has the id of a rule.
// `--only TEXT` limits the run to rows with TEXT in their name, and to rows with a patch for the rule or the source file TEXT.
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { HELD, type HeldSide } from "@nacre/testing/attacks/rows";
import { describePatch, type Patch, readRules } from "@nacre/testing/attacks/rows/rules";
import { ThrowAway } from "./throw-away.ts";

interface Job {
  readonly patch: Patch;
  /** The sides with a test that must fail with this patch. */
  readonly sides: HeldSide[];
}

const at = process.argv.indexOf("--only");
const only = at < 0 ? "" : (process.argv[at + 1] ?? "");
const rules = readRules(pathToFileURL("./"));
const chosen = HELD.filter(
  ({ title, name, patches }) => title.includes(only) || name.includes(only) || patches.flat().some(isOnly),
);
const jobs = new Map<string, Job>();
for (const side of chosen)
  for (const patch of side.patches) {
    const key = JSON.stringify(patch);
    const job = jobs.get(key) ?? { patch, sides: [] };
    job.sides.push(side);
    jobs.set(key, job);
  }
if (jobs.size === 0) throw new Error(`no row matches ${only}`);

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
      console.log(`${name}: ${result} with unchanged sources`);
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
  `\n${jobs.size} patches applied, ${shown} test failures expected, ${wrong} wrong results, in ${seconds} s (${chosen.length} tests)`,
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
        const verdict = result === "failed" ? "fails" : result === "passed" ? "STILL PASSES" : "DID NOT RUN";
        if (result !== "failed") wrong++;
        console.log(`${verdict.padEnd(13)}${name.padEnd(55)}${describePatch(patch)}`);
      }
    } catch (error) {
      wrong++;
      console.log(`PATCH ERROR  ${sides.map(({ name }) => name).join(", ")}: ${(error as Error).message}`);
    }
  }
}
