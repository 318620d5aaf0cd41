import type { AlgorithmNames, ConfigAnswers } from "@nacre/config";
import { generateCase } from "./generate.ts";
import { comparable, difference, type Machine, printConfig } from "./print.ts";

/** Answers of `ssh -G` to generated cases, as recorded in `test-vectors/ssh-config/recorded.json`. */
export interface Recorded {
  readonly source: string;
  readonly seed: number;
  readonly version: string;
  readonly facts: { readonly user: string; readonly uid: number; readonly home: string; readonly hostname: string };
  readonly algorithms: AlgorithmNames;
  /** The lines for a host `x` without a configuration. */
  readonly base: readonly string[];
  /** For each case the difference to `base`, or what the error says, which is `""` where a log level hides it. */
  readonly cases: readonly (readonly string[] | string)[];
}

/** Folder of the recorded cases, and that below ~/.ssh. */
export const RECORDED_FOLDERS = { cases: "/tmp/nacre-recorded", relative: "recorded-includes" };

/** Does a recorded case again, with its files in memory. Returns what is recorded if nothing changed. */
export function repeatCase(recorded: Recorded, number: number): readonly string[] | string {
  const { facts, seed, version, algorithms } = recorded;
  const folder = `${RECORDED_FOLDERS.cases}/${number}`;
  const relativeFolder = `${RECORDED_FOLDERS.relative}/${number}`;
  const { config, includes, isInHome, args } = generateCase(seed, number, { folder, relativeFolder });
  const files = new Map([[`${folder}/config`, config]]);
  for (const [name, text] of Object.entries(includes)) {
    files.set(`${folder}/inc/${name}`, text);
    if (isInHome) files.set(`${facts.home}/.ssh/${relativeFolder}/${name}`, text);
  }
  const environment: Readonly<Record<string, string>> = { HOME: facts.home, GC_VAR: "gcval", GC_CASE: folder };
  const machine: Machine = {
    local: {
      ...facts,
      environment: (name) => environment[name],
      homeOf: (user) => (user === "root" ? "/root" : undefined),
      service: (name) => ({ ssh: 22 })[name],
    },
    algorithms,
    version,
    answers: answersFrom(files),
  };
  const { lines, failed } = printConfig(`${folder}/config`, args, machine);
  return failed ? lines[0]! : difference(comparable(lines), comparable(recorded.base));
}

function answersFrom(files: ReadonlyMap<string, string>): ConfigAnswers {
  return {
    file: ({ path }) => {
      const text = files.get(path);
      return text === undefined ? { problem: "missing" } : { text };
    },
    glob: ({ pattern }) => {
      const source = pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
      return [...files.keys()].filter((path) => new RegExp(`^${source}$`).test(path)).sort();
    },
    command: ({ command }) => (runTest(command) ? 0 : 1),
    addresses: () => ["127.0.0.1", "::1"],
    lookup: () => undefined,
    exists: ({ path }) => path === "/etc/passwd",
  };
}

/** Does what a shell does with the commands that generated cases have. */
function runTest(command: string): boolean {
  const [, left, right] = /^test (\S+) = (\S+)$/.exec(command) ?? [];
  return command === "true" || command.startsWith("test -n '") || (left !== undefined && left === right);
}
