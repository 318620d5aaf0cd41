// Compares `@nacre/config` with the `ssh -G` of this machine over generated configurations, and lists the differences. `--can-fail` needs
// no `ssh`: it takes out each rule of ssh_config in a copy, and shows the recorded case that then differs.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { basename, join } from "node:path";
import { generateCase } from "@nacre/testing/ssh-config/generate";
import { comparable, printConfig, sameError } from "@nacre/testing/ssh-config/print";
import { optionsOr } from "./options.ts";
import { showThatRulesCanFail } from "./ssh-config/can-fail.ts";
import {
  askSsh,
  machineAlgorithms,
  machineAnswers,
  machineFacts,
  machineVersion,
  type PlacedCase,
  placeCase,
} from "./ssh-config/machine.ts";

const usage = `usage: node --conditions=@nacre/source --import tsx scripts/ssh-config.ts [--seed N,…] [--cases N] [--only CASE]
       node --conditions=@nacre/source --import tsx scripts/ssh-config.ts --can-fail [--rule TEXT]

  --seed N,…   seeds of the configurations (default 1)
  --cases N    number of configurations of each seed (default 6000)
  --only CASE  compare only the configuration with this number, and print it
  --can-fail   take out each rule
  --rule TEXT  take out only rules with TEXT in their names`;

const values = optionsOr(usage, {
  seed: { type: "string", default: "1" },
  cases: { type: "string", default: "6000" },
  only: { type: "string" },
  "can-fail": { type: "boolean", default: false },
  rule: { type: "string", default: "" },
});

if (values["can-fail"]) process.exitCode = (await showThatRulesCanFail(values.rule)) ? 0 : 1;
else for (const seed of values.seed.split(",")) if (!compareSeed(Number(seed))) process.exitCode = 1;

/** Compares the cases of a seed. Returns whether there is no difference. */
function compareSeed(seed: number): boolean {
  const version = machineVersion();
  // What 10.0 does otherwise than 10.5 stands in `comparable` and `printConfig`; other versions do more.
  if (!version.startsWith("OpenSSH_10.0p2 Debian")) {
    console.error(`this comparison needs the ssh of Debian 13 (OpenSSH_10.0p2), got ${version}`);
    return false;
  }
  const home = join(userInfo().homedir, ".ssh");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const cases = mkdtempSync(join(tmpdir(), "cases-"));
  const relative = basename(mkdtempSync(join(home, "nacre-")));
  const algorithms = machineAlgorithms();
  const differences = new Map<string, number[]>();
  let accepted = 0;
  let different = 0;
  try {
    const all = values.only === undefined ? [...Array(Number(values.cases)).keys()] : [Number(values.only)];
    for (const number of all) {
      const place = { folder: `${cases}/${number}`, relativeFolder: `${relative}/${number}` };
      const placed = placeCase(generateCase(seed, number, place), place);
      const { environment } = placed;
      const machine = { local: machineFacts(environment), algorithms, version, answers: machineAnswers(environment) };
      const ours = printConfig(placed.file, placed.args, machine);
      const theirs = answerOfSsh(placed);
      if (theirs.status === 0) accepted++;
      const found = compare(ours, theirs);
      if (found.length > 0) different++;
      for (const what of found) differences.set(what, [...(differences.get(what) ?? []), number]);
      if (values.only !== undefined) console.log(placed.args, found, theirs.error, ours.failed ? ours.lines : "");
      rmSync(place.folder, { recursive: true });
    }
    console.log(`seed ${seed}: ${different} of ${all.length} cases differ; ssh accepts ${accepted}`);
    for (const [what, numbers] of [...differences].sort((a, b) => b[1].length - a[1].length))
      console.log(`${what}: ${numbers.length} (${numbers.slice(0, 6).join(", ")})`);
    return different === 0;
  } finally {
    rmSync(cases, { recursive: true, force: true });
    rmSync(join(home, relative), { recursive: true, force: true });
  }
}

/** Asks `ssh`; once more without `-q`, which hides the reason of a refusal. */
function answerOfSsh(placed: PlacedCase): ReturnType<typeof askSsh> {
  const answer = askSsh(placed);
  if (answer.status === 0 || answer.error !== "") return answer;
  return askSsh({ ...placed, args: placed.args.filter((word) => word !== "-q") });
}

/** Returns the keywords whose lines differ, or `status` or `message`. */
function compare(ours: ReturnType<typeof printConfig>, theirs: ReturnType<typeof askSsh>): string[] {
  // RevokedHostKeys is a list since 10.3.
  if (theirs.error.includes("keyword revokedhostkeys extra arguments at end of line")) return [];
  if (ours.failed !== (theirs.status !== 0)) return ["status"];
  if (ours.failed) return sameError(ours.lines.join("\n"), theirs.error) ? [] : ["message"];
  const [have, want] = [comparable(ours.lines), comparable(theirs.lines)];
  if (have.join("\n") === want.join("\n")) return [];
  const unlike = [...have.filter((line) => !want.includes(line)), ...want.filter((line) => !have.includes(line))];
  return unlike.length === 0 ? ["order"] : [...new Set(unlike.map((line) => line.split(" ", 1)[0]!))];
}
