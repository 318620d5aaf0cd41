import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname, networkInterfaces, userInfo } from "node:os";
import type { AlgorithmNames, ConfigAnswers, LocalFacts } from "@nacre/config";
import type { CasePlace, ConfigCase } from "@nacre/testing/ssh-config/generate";

/** A case on the disk. */
export interface PlacedCase {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Writes the files of a case. */
export function placeCase({ config, includes, isInHome, args }: ConfigCase, place: CasePlace): PlacedCase {
  write(place.folder, { config });
  write(`${place.folder}/inc`, includes);
  if (isInHome) write(`${userInfo().homedir}/.ssh/${place.relativeFolder}`, includes);
  return { file: `${place.folder}/config`, args, environment: caseEnvironment(place.folder) };
}

function write(path: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(`${path}/${name}`, text);
    chmodSync(`${path}/${name}`, 0o600);
  }
}

const NOT_FATAL = /^(?:Pseudo-terminal|debug\d:|\/bin\/sh:) |: Unsupported option "/;

/** The environment of a case. */
function caseEnvironment(folder: string): Record<string, string> {
  return { PATH: process.env.PATH!, HOME: userInfo().homedir, GC_VAR: "gcval", GC_CASE: folder, LC_ALL: "C" };
}

/** What `ssh -G` says to a case. `error`: without what is only reported, and without what commands of the case say. */
export function askSsh({ file, args, environment }: PlacedCase): { lines: string[]; error: string; status: number } {
  const { stdout, stderr, status } = spawnSync("ssh", ["-G", "-F", file, ...args], {
    env: environment,
    encoding: "latin1",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const error = stderr.split(/\r?\n/).filter((line) => line !== "" && !NOT_FATAL.test(line));
  return { lines: stdout.split("\n").slice(0, -1), error: error.join("\n"), status: status ?? -1 };
}

const known = (query: string) => spawnSync("ssh", ["-Q", query], { encoding: "utf8" }).stdout.trim().split("\n");

/** The names and default lists of this machine's `ssh`. */
export function machineAlgorithms(): AlgorithmNames {
  const printed = spawnSync("ssh", ["-G", "-F", "none", "x"], { encoding: "utf8" }).stdout.split("\n");
  const listed = (keyword: string) =>
    printed
      .find((line) => line.startsWith(`${keyword} `))!
      .slice(keyword.length + 1)
      .split(",");
  return {
    ciphers: { known: known("cipher"), default: listed("ciphers") },
    macs: { known: known("mac"), default: listed("macs") },
    kex: { known: known("kex"), default: listed("kexalgorithms") },
    keys: { known: known("key-sig"), default: listed("hostkeyalgorithms") },
    caSignatures: { known: known("sig"), default: listed("casignaturealgorithms") },
  };
}

/** Version of this machine's `ssh`, as `Match version` sees it. */
export function machineVersion(): string {
  return spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.split(",", 1)[0]!;
}

/** Facts of this machine, with an environment. */
export function machineFacts(environment: Readonly<Record<string, string>>): LocalFacts {
  const { username, uid, homedir } = userInfo();
  return {
    user: username,
    uid,
    home: homedir,
    hostname: hostname(),
    environment: (name) => environment[name],
    homeOf: (user) => (user === "root" ? "/root" : undefined),
    service: (name) => ({ ssh: 22, http: 80 })[name],
    sha1: (data) => createHash("sha1").update(data).digest(),
  };
}

/** Answers from the disk and the shell of this machine. As where the cases are compared, no name resolves. */
export function machineAnswers(environment: Readonly<Record<string, string>>): ConfigAnswers {
  return {
    file: ({ path, checked }) => {
      if (!existsSync(path)) return { problem: "missing" };
      if (checked && (statSync(path).mode & 0o022) !== 0) return { problem: "unsafe" };
      return { text: readFileSync(path, "latin1") };
    },
    glob: ({ pattern }) => glob(pattern),
    command: ({ command }) =>
      spawnSync("/bin/sh", ["-c", command], { env: environment, stdio: "ignore" }).status ?? 255,
    addresses: () => Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    lookup: () => undefined,
    exists: ({ path }) => existsSync(path),
  };
}

/** Lists the paths that match a pattern in its last name. */
function glob(pattern: string): string[] {
  const folder = pattern.slice(0, pattern.lastIndexOf("/"));
  const name = pattern.slice(folder.length + 1);
  const source = name.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
  const test = new RegExp(`^${source}$`);
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((entry) => test.test(entry))
        .sort()
        .map((entry) => `${folder}/${entry}`)
    : [];
}
