import type { Case, Sample } from "../bench.ts";
import { measuredCheckout } from "../children.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { spread } from "../measure/table.ts";

const TIMEOUT = 20_000;
/** Entries that programs import, relative to the checkout. */
const ENTRIES = {
  "@nacre/node": "packages/node/dist/index.js",
  nacre: "packages/nacre/dist/index.js",
  "nacre/core": "packages/nacre/dist/core.js",
} as const;

/** Measures how long a new process takes to import the packages. `--before COMMIT` compares the times with those of an earlier commit. */
export const importsCase: Case = {
  name: "imports",
  what: "time to import `@nacre/node`, `nacre` and `nacre/core` in a new process",
  async run(bench) {
    const samples: Sample[] = [];
    const names = Object.keys(ENTRIES) as (keyof typeof ENTRIES)[];
    const results = new Map(names.map((name) => [name, [] as { ms: number; cpuMs: number }[]]));
    for (let round = 0; round <= bench.connects; round++) {
      for (const name of names) {
        bench.progress(`imports: ${name}: round ${round} of ${bench.connects}`);
        const result = await importTime(`${measuredCheckout()}${ENTRIES[name]}`);
        // The first round fills the caches of the file system.
        if (round === 0) continue;
        results.get(name)?.push(result);
        samples.push({ entry: name, ...result });
      }
    }
    const table = {
      title: "Time of `await import(…)` in a new process",
      head: ["entry", "ms", "CPU ms"],
      rows: names.map((name) => {
        const all = results.get(name) ?? [];
        return [
          name,
          spread(
            all.map(({ ms }) => ms),
            1,
          ),
          spread(
            all.map(({ cpuMs }) => cpuMs),
            1,
          ),
        ];
      }),
      notes: ["Without Node's own start."],
    };
    return { tables: [table], samples };
  },
};

async function importTime(file: string): Promise<{ ms: number; cpuMs: number }> {
  const code = `const cpu = process.cpuUsage(), began = performance.now();
await import(${JSON.stringify(file)});
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ ms: performance.now() - began, cpuMs: (user + system) / 1000 }));`;
  const command = ["env", "NODE_OPTIONS=", process.execPath, "--input-type=module", "--eval", code];
  const { stdout } = await runMeasured({ command, output: "kept", timeoutMs: TIMEOUT });
  return JSON.parse(stdout) as { ms: number; cpuMs: number };
}
