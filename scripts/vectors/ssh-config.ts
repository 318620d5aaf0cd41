// Writes test-vectors/ssh-config/recorded.json: what this machine's `ssh -G` says to generated configurations, and to the edge cases.
// Run: node --conditions=@nacre/source --import tsx scripts/vectors/ssh-config.ts
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { EDGE_CASES } from "@nacre/testing/ssh-config/edges";
import { type ConfigCase, generateCase } from "@nacre/testing/ssh-config/generate";
import { comparable, difference } from "@nacre/testing/ssh-config/print";
import { type CaseAnswer, RECORDED_FOLDERS, type Recorded, recordedPlace } from "@nacre/testing/ssh-config/recorded";
import { askSsh, machineAlgorithms, machineVersion, placeCase } from "../ssh-config/machine.ts";

const SEED = 22;
const CASES = 300;
const { username: user, uid, homedir: home } = userInfo();

try {
  const none: ConfigCase = { config: "", includes: {}, isInHome: false, args: ["x"] };
  const base = askSsh(placeCase(none, recordedPlace("none"))).lines;
  const record = (made: ConfigCase, name: string): CaseAnswer => {
    const { lines, error, status } = askSsh(placeCase(made, recordedPlace(name)));
    return status === 0 ? difference(comparable(lines), comparable(base)) : error;
  };
  const version = machineVersion();
  const recorded: Recorded = {
    source: `Made by scripts/vectors/ssh-config.ts with ${version}. The cases are made again from their seed; the edges are those of packages/testing/src/ssh-config/edges.ts.`,
    seed: SEED,
    version,
    facts: { user, uid, home, hostname: hostname() },
    algorithms: machineAlgorithms(),
    base,
    cases: Array.from({ length: CASES }, (_, number) =>
      record(generateCase(SEED, number, recordedPlace(String(number))), String(number)),
    ),
    edges: EDGE_CASES.map((made, number) => record(made, `edge-${number}`)),
  };
  const folder = new URL("../../test-vectors/ssh-config/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("recorded.json", folder), `${JSON.stringify(recorded, null, 1)}\n`);
} finally {
  rmSync(RECORDED_FOLDERS.cases, { recursive: true, force: true });
  rmSync(`${home}/.ssh/${RECORDED_FOLDERS.relative}`, { recursive: true, force: true });
}
