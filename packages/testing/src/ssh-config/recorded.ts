import type { AlgorithmNames, ConfigAnswers } from "@nacre/config";
import { sha1 } from "@noble/hashes/legacy.js";
import { EDGE_CASES } from "./edges.ts";
import { type CasePlace, type ConfigCase, generateCase } from "./generate.ts";
import { comparable, difference, type Machine, printConfig, sameError } from "./print.ts";

/** What a case prints: the difference to no configuration, or the lines of an error. */
export type CaseAnswer = readonly string[] | string;

/** Answers of `ssh -G` to generated cases and to {@link EDGE_CASES}, as recorded in `test-vectors/ssh-config/recorded.json`. */
export interface Recorded {
  readonly source: string;
  readonly seed: number;
  readonly version: string;
  readonly facts: { readonly user: string; readonly uid: number; readonly home: string; readonly hostname: string };
  readonly algorithms: AlgorithmNames;
  /** The lines for a host `x` without a configuration. */
  readonly base: readonly string[];
  /** Answers to the generated cases. An error is `""` where a log level hides it. */
  readonly cases: readonly CaseAnswer[];
  /** Answers to the edge cases. */
  readonly edges: readonly CaseAnswer[];
}

/** A case at its place, with what `ssh` says. */
export interface RecordedCase {
  readonly name: string;
  readonly place: CasePlace;
  readonly made: ConfigCase;
  readonly theirs: CaseAnswer;
}

/** Folder of the recorded cases, and that below ~/.ssh. */
export const RECORDED_FOLDERS = { cases: "/tmp/nacre-recorded", relative: "recorded-includes" };

/** Where a recorded case is. */
export function recordedPlace(name: string): CasePlace {
  return { folder: `${RECORDED_FOLDERS.cases}/${name}`, relativeFolder: `${RECORDED_FOLDERS.relative}/${name}` };
}

/** Lists the generated cases, and then the edge cases. */
export function recordedCases({ seed, cases, edges }: Recorded): RecordedCase[] {
  const generated = cases.map((theirs, number): RecordedCase => {
    const place = recordedPlace(String(number));
    return { name: `case ${number}`, place, made: generateCase(seed, number, place), theirs };
  });
  const listed = edges.map((theirs, number): RecordedCase => {
    const made = EDGE_CASES[number]!;
    const words = [made.config, ...Object.values(made.includes), made.args.join(" ")];
    return {
      name: words.map((text) => JSON.stringify(text)).join(" "),
      place: recordedPlace(`edge-${number}`),
      made,
      theirs,
    };
  });
  return [...generated, ...listed];
}

/** Does a recorded case again, with its files in memory. */
export function repeatCase(recorded: Recorded, { place, made }: RecordedCase): CaseAnswer {
  const { facts, version, algorithms } = recorded;
  const { folder, relativeFolder } = place;
  const { config, includes, isInHome, args } = made;
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
      sha1,
    },
    algorithms,
    version,
    answers: answersFrom(files),
  };
  const { lines, failed } = printConfig(`${folder}/config`, args, machine);
  return failed ? lines.join("\n") : difference(comparable(lines), comparable(recorded.base));
}

/** Returns whether a case was answered as `ssh` answers it. */
export function isAlike(ours: CaseAnswer, theirs: CaseAnswer): boolean {
  if (typeof ours === "string") return typeof theirs === "string" && sameError(ours, theirs);
  return JSON.stringify(ours) === JSON.stringify(theirs);
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

/** Does what a shell does with the commands that the cases have. */
function runTest(command: string): boolean {
  const [, left, right] = /^test (\S+) = (\S+)$/.exec(command) ?? [];
  return command === "true" || command.startsWith("test -n '") || (left !== undefined && left === right);
}
