// Compares `@nacre/config` with the `ssh -G` of this machine over generated configurations, and lists the differences.
// Run: node --conditions=@nacre/source --import tsx scripts/ssh-config.ts --seed 1 --cases 6000
// For OpenSSH 10.0 of Debian: `comparable` drops what 10.5 prints otherwise.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { comparable, printConfig } from "@nacre/testing/ssh-config/print";
import {
  askSsh,
  machineAlgorithms,
  machineAnswers,
  machineFacts,
  machineVersion,
  placeCase,
} from "./ssh-config/machine.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "6000" },
    only: { type: "string" },
  },
});
const home = join(userInfo().homedir, ".ssh");
mkdirSync(home, { recursive: true, mode: 0o700 });
const folders = { cases: mkdtempSync(join(tmpdir(), "cases-")), relative: basename(mkdtempSync(join(home, "nacre-"))) };
const algorithms = machineAlgorithms();
const version = machineVersion();
const differences = new Map<string, number[]>();
let accepted = 0;
let different = 0;

try {
  const all = values.only === undefined ? [...Array(Number(values.cases)).keys()] : [Number(values.only)];
  for (const number of all) {
    const placed = placeCase(Number(values.seed), number, folders);
    const { environment } = placed;
    const machine = { local: machineFacts(environment), algorithms, version, answers: machineAnswers(environment) };
    const ours = printConfig(placed.file, placed.args, machine);
    const theirs = askSsh(placed);
    if (theirs.status === 0) accepted++;
    const found = compare(ours, theirs);
    if (found.length > 0) different++;
    for (const what of found) differences.set(what, [...(differences.get(what) ?? []), number]);
    if (values.only !== undefined) console.log(placed.args, found, theirs.error, ours.failed ? ours.lines : "");
    rmSync(`${folders.cases}/${number}`, { recursive: true });
  }
  console.log(`${different} of ${all.length} cases differ; ssh accepts ${accepted}`);
  for (const [what, numbers] of [...differences].sort((a, b) => b[1].length - a[1].length))
    console.log(`${what}: ${numbers.length} (${numbers.slice(0, 6).join(", ")})`);
  if (different > 0) process.exitCode = 1;
} finally {
  rmSync(folders.cases, { recursive: true, force: true });
  rmSync(join(home, folders.relative), { recursive: true, force: true });
}

/** Returns the keywords whose lines differ, or `status` or `message`. */
function compare(ours: ReturnType<typeof printConfig>, theirs: ReturnType<typeof askSsh>): string[] {
  // RevokedHostKeys is a list since 10.3.
  if (theirs.error.some((line) => line.endsWith("keyword revokedhostkeys extra arguments at end of line"))) return [];
  if (ours.failed !== (theirs.status !== 0)) return ["status"];
  if (ours.failed) {
    // QUIET prints no message, and FATAL only the last.
    return theirs.error.length === 0 || theirs.error.some((line) => ours.lines.includes(line)) ? [] : ["message"];
  }
  const [have, want] = [comparable(ours.lines), comparable(theirs.lines)];
  if (have.join("\n") === want.join("\n")) return [];
  const unlike = [...have.filter((line) => !want.includes(line)), ...want.filter((line) => !have.includes(line))];
  return unlike.length === 0 ? ["order"] : [...new Set(unlike.map((line) => line.split(" ", 1)[0]!))];
}
