// Writes test-vectors/ssh-config/recorded.json: what this machine's `ssh -G` says to generated configurations.
// Run: node --conditions=@nacre/source --import tsx scripts/vectors/ssh-config.ts
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { comparable, difference } from "@nacre/testing/ssh-config/print";
import { RECORDED_FOLDERS, type Recorded } from "@nacre/testing/ssh-config/recorded";
import { askSsh, machineAlgorithms, machineVersion, placeCase } from "../ssh-config/machine.ts";

const SEED = 22;
const CASES = 300;
const { username: user, uid, homedir: home } = userInfo();

try {
  const { environment } = placeCase(SEED, 0, RECORDED_FOLDERS);
  const base = askSsh({ number: 0, file: "none", args: ["x"], environment }).lines;
  const cases = Array.from({ length: CASES }, (_, number) => {
    const { lines, error, status } = askSsh(placeCase(SEED, number, RECORDED_FOLDERS));
    // An unsupported old keyword is only reported.
    const fatal = error.filter((line) => !line.includes(" Unsupported option "));
    return status === 0 ? difference(comparable(lines), comparable(base)) : (fatal[0] ?? "");
  });
  const version = machineVersion();
  const recorded: Recorded = {
    source: `Made by scripts/vectors/ssh-config.ts with ${version}. The cases are made again from their seed.`,
    seed: SEED,
    version,
    facts: { user, uid, home, hostname: hostname() },
    algorithms: machineAlgorithms(),
    base,
    cases,
  };
  const folder = new URL("../../test-vectors/ssh-config/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("recorded.json", folder), `${JSON.stringify(recorded, null, 1)}\n`);
} finally {
  rmSync(RECORDED_FOLDERS.cases, { recursive: true, force: true });
  rmSync(`${home}/.ssh/${RECORDED_FOLDERS.relative}`, { recursive: true, force: true });
}
