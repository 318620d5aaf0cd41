import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { hostname, networkInterfaces, userInfo } from "node:os";
import type { AlgorithmNames, ConfigAnswers, ConfigRequest, LocalFacts, ResolvedConfig } from "@nacre/config";
import { answerQuestions, configLines, resolveConfig } from "@nacre/config";
import { parseCommandLine } from "./command-line.ts";

/** The names and default lists of this machine's `ssh`. */
export function machineAlgorithms(): AlgorithmNames {
  const printed = spawnSync("ssh", ["-G", "-F", "none", "x"], { encoding: "utf8" }).stdout.split("\n");
  const listed = (keyword: string) =>
    printed
      .find((line) => line.startsWith(`${keyword} `))!
      .slice(keyword.length + 1)
      .split(",");
  const known = (query: string) => spawnSync("ssh", ["-Q", query], { encoding: "utf8" }).stdout.trim().split("\n");
  return {
    ciphers: { known: known("cipher"), default: listed("ciphers") },
    macs: { known: known("mac"), default: listed("macs") },
    kex: { known: known("kex"), default: listed("kexalgorithms") },
    keys: { known: known("key-sig"), default: listed("hostkeyalgorithms") },
    caSignatures: { known: known("sig"), default: listed("casignaturealgorithms") },
  };
}

/** Facts of this machine, with an environment. */
export function machineFacts(environment: Readonly<Record<string, string>>): LocalFacts {
  const { username, uid, homedir } = userInfo();
  const services = new Map<string, number>();
  for (const line of readFileSync("/etc/services", "utf8").split("\n")) {
    const [, name, port, aliases = ""] = /^([^\s#]+)\s+(\d+)\/tcp([^#]*)/.exec(line) ?? [];
    if (name !== undefined) for (const one of [name, ...aliases.trim().split(/\s+/)]) services.set(one, Number(port));
  }
  const homes = new Map<string, string>(
    readFileSync("/etc/passwd", "utf8")
      .trim()
      .split("\n")
      .map((line): [string, string] => [line.split(":")[0]!, line.split(":")[5]!]),
  );
  return {
    user: username,
    uid,
    home: homedir,
    hostname: hostname(),
    environment: (name) => environment[name],
    homeOf: (user) => homes.get(user),
    service: (name) => services.get(name),
  };
}

/** Answers from the disk and the shell of this machine. No name resolves except addresses and `localhost`. */
export function machineAnswers(environment: Readonly<Record<string, string>>): ConfigAnswers {
  return {
    file: ({ path, checked }) => {
      if (!existsSync(path)) return { problem: "missing" };
      const { mode, uid } = statSync(path);
      if (checked && ((mode & 0o022) !== 0 || (uid !== 0 && uid !== userInfo().uid))) return { problem: "unsafe" };
      try {
        return { text: readFileSync(path, "latin1") };
      } catch (error) {
        return { problem: "unreadable", message: (error as Error).message };
      }
    },
    glob: ({ pattern }) => glob(pattern),
    command: ({ command }) =>
      spawnSync(process.env.SHELL ?? "/bin/sh", ["-c", command], { env: environment, stdio: "ignore" }).status ?? 255,
    addresses: () => Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    lookup: ({ name }) => (name === "localhost" ? name : undefined),
    exists: ({ path }) => existsSync(path),
  };
}

/** Lists the paths that match a pattern with `*`, `?` and `[…]` in any of its names. */
function glob(pattern: string): string[] {
  const [, ...names] = pattern.split("/");
  let paths = [""];
  for (const name of names) {
    if (!/[*?[]/.test(name)) {
      paths = paths.map((path) => `${path}/${name}`).filter((path) => existsSync(path));
      continue;
    }
    const source = name.replaceAll(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
    const test = new RegExp(`^${source}$`);
    paths = paths.flatMap((path) =>
      (existsSync(`${path}/`) && statSync(`${path}/`).isDirectory() ? readdirSync(`${path}/`) : [])
        .filter((entry) => test.test(entry) && (!entry.startsWith(".") || name.startsWith(".")))
        .sort()
        .map((entry) => `${path}/${entry}`),
    );
  }
  return paths;
}

/** Defaults in which Debian's 10.0 differs from 10.5. */
export const DEBIAN_DEFAULTS: ConfigRequest["defaults"] = {
  forwardX11Trusted: true,
  ipQoS: [0xb8, 0x20],
  securityKeyProvider: "internal",
  xAuthLocation: "/usr/bin/xauth",
};

/** What a command line prints: its lines, or the error. */
export type Printed = { readonly lines: string[]; readonly resolved: ResolvedConfig } | { readonly error: string };

/** Does what `ssh -G -F FILE WORDS` does, with our resolver. */
export function printConfig(
  file: string,
  words: readonly string[],
  machine: { readonly local: LocalFacts; readonly algorithms: AlgorithmNames; readonly answers: ConfigAnswers },
): Printed {
  try {
    const { host, settings, command, stdioForward } = parseCommandLine(words);
    const request: ConfigRequest = {
      host,
      commandLine: settings,
      files: [{ path: file, kind: "user", required: true }],
      command,
      stdioForward,
      local: machine.local,
      algorithms: machine.algorithms,
      version: "OpenSSH_10.0p2 Debian-7+deb13u4",
      defaults: DEBIAN_DEFAULTS,
    };
    const resolved = answerQuestions(resolveConfig(request), machine.answers);
    return { lines: configLines(resolved), resolved };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
