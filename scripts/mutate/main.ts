/**
 * Measures the tests of a part of the sources with Stryker: `npm run mutate -- NAME [--mutants N] [--seed N] [--only FILE:LINE]`. Stryker
 * changes the sources of a throw-away copy, one place at a time, and runs the tests that reach it. Prints the changes that no test notices
 * and those after which the tests ran too long, and the share of those that a test notices. Draws N of the changes by the seed; without
 * `--mutants`, makes all. Each `--only` leaves those of one more line, to repeat them after a change to the tests. `--timeout SECONDS`
 * changes the time after which a test counts as failed (60); changes that a test notices only by that are printed, too.
 */
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { ThrowAway } from "../attacks/throw-away.ts";
import { ensureStryker } from "./install.ts";
import { TARGETS } from "./targets.ts";

/** Changes of texts: most are messages, and few of them decide anything. */
const EXCLUDED = ["StringLiteral"];

/** Matches why a test failed that took too long. */
const HUNG = /timed out in \d+ms/;

/** Stryker plugin that prints each change that lives or takes too long when it was tried, so that a run that is ended shows them, too. */
const PRINTER = `
class Printer {
  onMutantTested({ status, statusReason = "", fileName, location, mutatorName, replacement = "" }) {
    const shown = status === "Killed" && ${HUNG}.test(statusReason) ? "Timeout" : status;
    if (shown === "Killed" || shown === "Ignored") return;
    console.log(\`\${shown}: \${fileName.replace(process.cwd() + "/", "")}:\${location.start.line} \${mutatorName} → \${replacement.replace(/\\s+/g, " ").slice(0, 80)}\`);
  }
}
export const strykerPlugins = [{ kind: "Reporter", name: "printer", injectableClass: Printer }];
`;

interface Place {
  readonly file: string;
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

/** A change as Stryker's instrumenter returns it. Those of `EXCLUDED` have the status "Ignored". */
interface Mutant {
  readonly location: Omit<Place, "file">;
  readonly status?: string | undefined;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mutants: { type: "string" },
    seed: { type: "string" },
    only: { type: "string", multiple: true },
    timeout: { type: "string" },
  },
});
const [name = ""] = positionals;
const target = TARGETS[name];
if (target === undefined) throw new Error(`no part "${name}"; the parts are ${Object.keys(TARGETS).join(", ")}`);
const seed = values.seed ?? `${Date.now() % 1_000_000}`;

const stryker = await ensureStryker();
const copy = new ThrowAway();
try {
  for (const document of readdirSync(".").filter((entry) => entry.endsWith(".md")))
    cpSync(document, join(copy.folder, document));
  // Stryker must load the same vitest as the tests, so it stands in the copy.
  cpSync(join(stryker, "node_modules"), join(copy.folder, "stryker/node_modules"), { recursive: true });
  const places = await mutantsOf(target.sources.flatMap((folder) => sourcesOf(folder)));
  const drawn = values.mutants === undefined ? places : draw(places, Number(values.mutants));
  console.log(`${name}: ${drawn.length} of ${places.length} places, seed ${seed}`);
  const chosen = values.only === undefined ? drawn : onLines(values.only, places, drawn);
  configure(chosen, chosen === places);
  const program = "stryker/node_modules/@stryker-mutator/core/bin/stryker.js";
  const { status } = spawnSync(process.execPath, ["--conditions=@nacre/source", program, "run", "stryker.json"], {
    cwd: copy.folder,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`Stryker failed with status ${status}`);
  report();
} finally {
  copy.remove();
}

/** Returns the TypeScript files below a folder, relative to the root. */
function sourcesOf(folder: string): string[] {
  return readdirSync(join(copy.folder, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
    .sort();
}

/** Returns the places that Stryker would change. */
async function mutantsOf(files: readonly string[]): Promise<Place[]> {
  const main = join(copy.folder, "stryker/node_modules/@stryker-mutator/instrumenter/dist/src/index.js");
  const { Instrumenter } = (await import(pathToFileURL(main).href)) as {
    Instrumenter: new (
      logger: object,
    ) => {
      instrument(files: object[], options: object): Promise<{ readonly mutants: readonly Mutant[] }>;
    };
  };
  const instrumenter = new Instrumenter({ debug() {}, info() {}, isDebugEnabled: () => false });
  const found: Place[] = [];
  for (const file of files) {
    const content = readFileSync(join(copy.folder, file), "utf8");
    const options = { excludedMutations: EXCLUDED, ignorers: [], plugins: null };
    const { mutants } = await instrumenter.instrument([{ name: file, mutate: true, content }], options);
    for (const { location, status } of mutants) if (status !== "Ignored") found.push({ file, ...location });
  }
  return found;
}

/** Draws places until they contain `count` changes: one of a whole statement contains those of its parts. */
function draw(places: readonly Place[], count: number): Place[] {
  const random = hashChainRandom(seed);
  const undrawn = [...places];
  const drawn: Place[] = [];
  const contained = new Set<Place>();
  while (contained.size < count && undrawn.length > 0) {
    const at = new DataView(random(4).buffer).getUint32(0) % undrawn.length;
    const [place] = undrawn.splice(at, 1) as [Place];
    const parts = places.filter((other) => contains(place, other));
    if (contained.size + parts.length > count + 20) continue;
    drawn.push(place);
    for (const part of parts) contained.add(part);
  }
  return drawn;
}

/** Returns the places that begin on one of the lines (`file:line`) and belong to a drawn one. */
function onLines(lines: readonly string[], places: readonly Place[], drawn: readonly Place[]): Place[] {
  return places.filter(
    (place) => lines.includes(`${place.file}:${place.start.line + 1}`) && drawn.some((whole) => contains(whole, place)),
  );
}

function contains(outer: Place, inner: Place): boolean {
  return outer.file === inner.file && !isBefore(inner.start, outer.start) && !isBefore(outer.end, inner.end);
}

function isBefore(a: Place["start"], b: Place["start"]): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

function configure(places: readonly Place[], isWhole: boolean): void {
  // A pattern for each of very many places takes Stryker minutes.
  const mutate = places.map(({ file, start, end }) =>
    isWhole ? file : `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`,
  );
  const testTimeout = Number(values.timeout ?? 60) * 1000;
  const config = {
    mutate: [...new Set(mutate)],
    mutator: { excludedMutations: EXCLUDED },
    plugins: ["./stryker/node_modules/@stryker-mutator/vitest-runner/dist/src/index.js", "./stryker.printer.mjs"],
    testRunner: "vitest",
    vitest: { configFile: "stryker.vitest.config.mjs", related: false },
    coverageAnalysis: "perTest",
    inPlace: true,
    reporters: ["json", "progress-append-only", "printer"],
    jsonReporter: { fileName: "mutants.json" },
    concurrency: 2,
    // Longer than the limit of a test, so that a test that hangs fails without a new process.
    timeoutMS: 1.5 * testTimeout,
    dryRunTimeoutMinutes: 30,
    allowConsoleColors: false,
    disableTypeChecks: false,
  };
  writeFileSync(join(copy.folder, "stryker.json"), JSON.stringify(config));
  writeFileSync(join(copy.folder, "stryker.printer.mjs"), PRINTER);
  // Stryker runs the tests in worker threads, where the umask can be read, but not set.
  writeFileSync(join(copy.folder, "stryker.setup.mjs"), "process.umask = () => 0o022;\n");
  const tests = { include: target!.tests, testTimeout, setupFiles: ["stryker.setup.mjs"] };
  writeFileSync(
    join(copy.folder, "stryker.vitest.config.mjs"),
    `export default { resolve: { conditions: ["@nacre/source"] }, ssr: { resolve: { conditions: ["@nacre/source"], externalConditions: ["@nacre/source"] } }, test: ${JSON.stringify(tests)} };\n`,
  );
}

/** Prints the score. */
function report(): void {
  const { files } = JSON.parse(readFileSync(join(copy.folder, "mutants.json"), "utf8")) as {
    files: Record<string, { mutants: readonly { status: string; statusReason?: string }[] }>;
  };
  const counts: Record<string, number> = {};
  for (const { status, statusReason = "" } of Object.values(files).flatMap(({ mutants }) => mutants)) {
    const counted = status === "Killed" && HUNG.test(statusReason) ? "Timeout" : status;
    counts[counted] = (counts[counted] ?? 0) + 1;
  }
  const killed = (counts["Killed"] ?? 0) + (counts["Timeout"] ?? 0);
  const lived = (counts["Survived"] ?? 0) + (counts["NoCoverage"] ?? 0);
  console.log(
    `${name}: ${killed} of ${killed + lived} killed, ${((100 * killed) / (killed + lived)).toFixed(1)} % (${JSON.stringify(counts)})`,
  );
}
