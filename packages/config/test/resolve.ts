import { sha1 } from "@noble/hashes/legacy.js";
import {
  answerQuestions,
  type ConfigAnswers,
  type ConfigRequest,
  configLines,
  type ResolvedConfig,
  resolveConfig,
} from "../src/index.ts";

const names = (...all: readonly string[]) => ({ known: all, default: all });

/** Algorithm names of the tests. */
const ALGORITHMS: ConfigRequest["algorithms"] = {
  ciphers: { known: ["a", "b", "c"], default: ["a", "b"] },
  macs: names("m"),
  kex: names("k"),
  keys: { known: ["ssh-x", "ssh-y", "rsa"], default: ["rsa", "ssh-x"] },
  caSignatures: names("ssh-x"),
};

/** What a test says of the machine; the rest is made up. */
export interface Setup extends Partial<Omit<ConfigRequest, "local">> {
  /** Files by path; an answer stands for a file that cannot be read. */
  readonly disk?: Readonly<Record<string, string | ReturnType<ConfigAnswers["file"]>>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly windows?: ConfigRequest["local"]["windows"];
  readonly answers?: Partial<ConfigAnswers>;
}

/** Resolves `host` with a configuration as the user's file. */
export function resolve(config: string, setup: Setup = {}): ResolvedConfig {
  const { disk = {}, environment = {}, windows, answers, ...request } = setup;
  const files: Readonly<Record<string, string | ReturnType<ConfigAnswers["file"]>>> = { "/c": config, ...disk };
  return answerQuestions(
    resolveConfig({
      host: "h",
      files: [{ path: "/c", kind: "user" }],
      algorithms: ALGORITHMS,
      version: "OpenSSH_10.5p1",
      ...request,
      local: {
        user: "me",
        uid: 7,
        home: "/home/me",
        hostname: "box.example.org",
        environment: (name) => environment[name],
        homeOf: (user) => (user === "root" ? "/root" : undefined),
        service: (name) => ({ ssh: 22 })[name],
        sha1,
        ...(windows && { windows }),
      },
    }),
    {
      file: ({ path }) => {
        const file = files[path];
        if (file === undefined) return { problem: "missing" };
        return typeof file === "string" ? { text: file } : file;
      },
      glob: ({ pattern }) => Object.keys(files).filter((path) => path === pattern),
      command: () => 0,
      addresses: () => ["127.0.0.1"],
      lookup: () => undefined,
      exists: () => true,
      ...answers,
    },
  );
}

/** Returns the line of a keyword, without its name, that `-G` prints. */
export function printed(keyword: string, config: string, setup?: Setup): string | undefined {
  const line = configLines(resolve(config, setup)).find((one) => one.startsWith(`${keyword} `));
  return line?.slice(keyword.length + 1);
}

/** Returns the error that a configuration causes. */
export function failure(config: string, setup?: Setup): unknown {
  try {
    resolve(config, setup);
  } catch (error) {
    return error;
  }
  throw new Error("the configuration was accepted");
}
