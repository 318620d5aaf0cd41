import { lstat } from "node:fs/promises";
import {
  type AlgorithmList,
  type AlgorithmNames,
  type CommandLineSetting,
  type ConfigAnswer,
  type ConfigAnswers,
  type ConfigFile,
  type ConfigQuestion,
  type ConfigRequest,
  type ConfigValues,
  resolveConfig,
} from "@nacre/config";
import { OPENSSH_ALGORITHMS } from "@nacre/config/openssh-algorithms";
import { escapeText, SshError } from "@nacre/wire";
import { abortedError, checkOptions, unlessAborted } from "nacre/extend";
import { nodeAlgorithms, plainAlgorithms } from "../crypto/algorithms.ts";
import { expandHome } from "../keys/files.ts";
import { ownAddresses } from "../net/lookup.ts";
import { shellCommand } from "../windows/programs.ts";
import { isWindows, showPath } from "../windows/system.ts";
import {
  type Config,
  LOAD_CONFIG_OPTIONS,
  type LoadConfigOptions,
  RESOLVE_CONFIG_OPTIONS,
  type ResolveConfigOptions,
  type ResolvedConfig,
} from "./config.ts";
import { globPaths, readConfigFile } from "./files.ts";
import { canonicalHost, type Machine, thisMachine } from "./machine.ts";
import { splitHost } from "./split-host.ts";
import { assertCommandAllowed, assertUserForCommand } from "./trust.ts";

/** Implements `loadConfig`. */
export async function load(path?: string, options: LoadConfigOptions = {}): Promise<Config> {
  if (path !== undefined && (typeof path !== "string" || path === ""))
    throw new SshError("usage", "`loadConfig` expects the path of a file");
  checkOptions(options, LOAD_CONFIG_OPTIONS, "`loadConfig`");
  if (path === undefined) return { ...options, files: true };
  const file = expandHome(path);
  const answer = await readConfigFile(file, false, 0);
  if ("text" in answer) return { ...options, files: file };
  const reason = answer.problem === "unreadable" ? answer.message : "No such file or directory";
  throw new SshError("file-unreadable", `${showPath(file)}: ${showPath(reason)}`);
}

/** Implements `resolveConfig`. */
export async function resolve(host: string, options: ResolveConfigOptions = {}): Promise<ResolvedConfig> {
  if (typeof host !== "string") throw new SshError("usage", "`resolveConfig` expects the name of a host");
  checkOptions(options, RESOLVE_CONFIG_OPTIONS, "`resolveConfig`");
  const login = options.commandLine === undefined ? splitHost(host) : { host };
  return resolveOn(thisMachine(), login, options);
}

/** Implements `assertConfigCommand`. */
export async function assertCommandOf({ origins, source }: ResolvedConfig, keyword: keyof ConfigValues): Promise<void> {
  const [origin] = origins[keyword] ?? [];
  if (origin !== undefined) await assertCommandAllowed(keyword, origin, source, thisMachine());
}

/** A host as it was typed or given in code, and the user and port that precede those of files. */
export interface GivenHost {
  readonly host: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

/** Resolves the configuration of a host: asks `@nacre/config`, and answers its questions with this machine's files and commands. */
export async function resolveOn(
  machine: Machine,
  { host, user, port }: GivenHost,
  options: ResolveConfigOptions,
): Promise<ResolvedConfig> {
  const { commandLine = [], command, stdioForward, signal } = options;
  const source = sourceOf(options);
  const given: CommandLineSetting[] = [
    ...(user === undefined ? [] : [{ option: "-l" as const, text: user }]),
    ...(port === undefined ? [] : [{ text: `Port ${port}` }]),
  ];
  const request: ConfigRequest = {
    host,
    commandLine: [...given, ...commandLine],
    userIsFromCode: user !== undefined,
    files: filesOf(source, machine),
    command,
    stdioForward: stdioForward === true,
    local: machine.local,
    algorithms: source.algorithms ?? algorithmNames(),
    version: source.version ?? VERSION,
    ...((machine.defaults ?? source.defaults) && { defaults: { ...machine.defaults, ...source.defaults } }),
  };
  const answers = answersOn(machine, source, { user, signal });
  const asking = resolveConfig(request);
  for (let answer: ConfigAnswer | undefined; ; ) {
    const step = withShownPaths(() => (answer === undefined ? asking.next() : asking.next(answer)));
    if (step.done === true) return { ...step.value, source };
    const answerTo = answers[step.value.ask] as (question: ConfigQuestion) => Promise<ConfigAnswer>;
    const what = `reading the configuration of ${escapeText(host)}`;
    answer = await unlessAborted(answerTo(step.value), signal, (aborted) => abortedError(what, aborted));
  }
}

/** Calls a function. On Windows, the errors that it throws show paths without doubled backslashes, as those of ssh. */
function withShownPaths<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (!isWindows() || !(cause instanceof SshError)) throw cause;
    throw new SshError(cause.code, cause.message.replaceAll("\\\\", "\\"), { cause });
  }
}

const VERSION = "OpenSSH_10.5p1";

/** Status of a command that cannot be started or that a signal ended. */
const FAILED = 255;

/** Returns the names that OpenSSH knows, and as default lists what Nacre offers. */
function algorithmNames(): AlgorithmNames {
  const { ciphers, macs, kex, hostKeys } = nodeAlgorithms;
  return {
    ciphers: namesOf("ciphers", ciphers),
    macs: namesOf("macs", macs),
    kex: namesOf("kex", kex),
    keys: namesOf("keys", hostKeys),
    caSignatures: namesOf("caSignatures", plainAlgorithms),
  };
}

function namesOf(kind: keyof AlgorithmNames, offered: readonly { readonly name: string }[]): AlgorithmList {
  return { known: OPENSSH_ALGORITHMS[kind], default: offered.map(({ name }) => name) };
}

function sourceOf({ config = true, ...options }: ResolveConfigOptions): Config {
  const named: Config = typeof config === "object" ? config : { files: config };
  return {
    files: named.files,
    commands: options.commands ?? named.commands,
    commandTimeout: options.commandTimeout ?? named.commandTimeout,
    algorithms: options.algorithms ?? named.algorithms,
    version: options.version ?? named.version,
    defaults: options.defaults ?? named.defaults,
  };
}

function filesOf({ files }: Config, machine: Machine): readonly ConfigFile[] {
  if (typeof files === "boolean") return files ? machine.files : [];
  return [{ path: expandHome(files, machine.local.home), kind: "user", required: true }];
}

/** Answers with promises. */
type Answers = {
  readonly [K in keyof ConfigAnswers]: (
    question: Parameters<ConfigAnswers[K]>[0],
  ) => Promise<ReturnType<ConfigAnswers[K]>>;
};

function answersOn(
  machine: Machine,
  source: Config,
  { user, signal }: { readonly user: string | undefined; readonly signal: AbortSignal | undefined },
): Answers {
  return {
    file: ({ path, checked }) => readConfigFile(path, checked, machine.local.uid),
    glob: ({ pattern }) => globPaths(pattern),
    async command({ command, origin }) {
      await assertCommandAllowed("Match exec", origin, source, machine);
      assertUserForCommand(user);
      const what = `Match exec of ${showPath(origin.file)} line ${origin.line}`;
      const timeout = source.commandTimeout;
      // Imported here because few configurations run commands.
      const { runCommand } = await import("../net/run-command.ts");
      const end = await runCommand(shellCommand(command, machine.system), { what, timeout, signal });
      if (end.type === "too-late") throw new SshError("aborted", `${what} took longer than ${timeout} ms`);
      return end.type === "exit" ? end.status : FAILED;
    },
    addresses: async () => ownAddresses(),
    lookup: ({ name }) => canonicalHost(name),
    exists: ({ path }) =>
      lstat(path).then(
        () => true,
        () => false,
      ),
  };
}
