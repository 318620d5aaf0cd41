import type { Origin } from "./problems.ts";
import type { Environment, Tokens } from "./tokens.ts";
import type { ConfigValues } from "./values.ts";

/** Facts about this machine and account that paths, tokens and `Match` depend on. */
export interface LocalFacts {
  readonly user: string;
  readonly uid: number;
  /** Home folder of the password database. */
  readonly home: string;
  readonly hostname: string;
  readonly environment: Environment;
  /** Home folder of another account, for `~name`. */
  readonly homeOf: (user: string) => string | undefined;
  /** Port of a TCP service, as in /etc/services. */
  readonly service: (name: string) => number | undefined;
  /** SHA-1, for the token `%C`. */
  readonly sha1: (data: Uint8Array) => Uint8Array;
  /** Set on Windows, where paths have drives and backslashes too, and a forward may lead to a named pipe. */
  readonly windows?: {
    /** Folder of the system's files, with a separator at its end; `undefined` if it is not known. */
    readonly systemFolder: string | undefined;
  };
}

/** Names of one kind of algorithm. */
export interface AlgorithmList {
  /** Every name that may be written, in the order in which patterns yield them. */
  readonly known: readonly string[];
  readonly default: readonly string[];
}

/** The algorithm names that a configuration may contain, and the default lists. */
export interface AlgorithmNames {
  readonly ciphers: AlgorithmList;
  readonly macs: AlgorithmList;
  readonly kex: AlgorithmList;
  /** Key types and signature algorithms, certificates among them. */
  readonly keys: AlgorithmList;
  /** Signature algorithms of certificates; no certificates. */
  readonly caSignatures: AlgorithmList;
}

/** A configuration file to read. */
export interface ConfigFile {
  readonly path: string;
  /** `"system"`: relative includes are in /etc/ssh, or in `systemFolder`, and `~` is not allowed in them. */
  readonly kind: "user" | "system";
  /** Whether a missing file is an error, as with `-F`; default false. */
  readonly required?: boolean;
  /** Whether owner and mode must be safe, as of ~/.ssh/config; default false. Included files are always checked. */
  readonly checked?: boolean;
}

/** A setting of the command line, in the order of the words there. */
export interface CommandLineSetting {
  /** A line of configuration (`Port 22`, `Port=22`), or the argument of `option`. */
  readonly text: string;
  /** An option that no line can express. `-l` is also the user of `user@host`, whose tokens are not expanded; empty for `ssh://host`. */
  readonly option?: "-A" | "-C" | "-D" | "-J" | "-L" | "-l" | "-R" | "-t";
  /** Whether it replaces earlier settings, as `-4` does. By default the first one wins, as with `-o`. */
  readonly replaces?: boolean;
  /** Message for a malformed text, in place of those for lines: `Bad port 'x'`. */
  readonly problem?: string | undefined;
}

/** The host to resolve, and the files and facts that the result depends on. */
export interface ConfigRequest {
  /** The host as typed, without user and port. */
  readonly host: string;
  readonly commandLine?: readonly CommandLineSetting[];
  readonly files: readonly ConfigFile[];
  /** Whether a program, not a command line, gave the user: the name may then contain `$` and `\`. Default false. */
  readonly userIsFromCode?: boolean;
  /** The command or subsystem to run, as typed; `undefined` for a shell. */
  readonly command?: string | undefined;
  /** Whether the session is replaced by one connection (`-W`): clears forwards, and a forward that fails ends it. Default false. */
  readonly stdioForward?: boolean;
  readonly local: LocalFacts;
  readonly algorithms: AlgorithmNames;
  /** Version for `Match version`, such as `OpenSSH_10.5p1`. */
  readonly version: string;
  /** Defaults that differ from OpenSSH's own. */
  readonly defaults?: Partial<ConfigValues>;
}

/** Questions that the caller answers, with the type of each answer. */
export interface ConfigAnswers {
  /** Reads a file. */
  readonly file: (question: { readonly path: string; readonly checked: boolean }) => FileAnswer;
  /** Lists the paths that match a glob pattern, sorted. */
  readonly glob: (question: { readonly pattern: string }) => readonly string[];
  /** Runs `$SHELL -c COMMAND` for `Match exec`, without input or output; returns its exit status. */
  readonly command: (question: { readonly command: string; readonly origin: Origin }) => number;
  /** Lists the addresses of this machine's interfaces. */
  readonly addresses: (question: object) => readonly string[];
  /** Looks a name up; returns its canonical name, or `undefined` if it does not resolve. */
  readonly lookup: (question: { readonly name: string }) => string | undefined;
  /** Whether a path exists. */
  readonly exists: (question: { readonly path: string }) => boolean;
}

/** Answer to the question for a file. */
export type FileAnswer =
  | { readonly text: string }
  | { readonly problem: "missing" }
  /** Others can write to the file, or own it. */
  | { readonly problem: "unsafe" }
  /** `message` is that of the operating system: `Permission denied`. */
  | { readonly problem: "unreadable"; readonly message: string };

/** A question: its kind `ask`, and what it is about. */
export type ConfigQuestion = {
  [K in keyof ConfigAnswers]: { readonly ask: K } & Parameters<ConfigAnswers[K]>[0];
}[keyof ConfigAnswers];

/** Answer to any question. */
export type ConfigAnswer = ReturnType<ConfigAnswers[keyof ConfigAnswers]>;

/** A generator that yields questions, takes their answers, and returns a value. */
export type Asking<T> = Generator<ConfigQuestion, T, ConfigAnswer>;

/** Asks a question of kind `K` and returns the answer. */
export function* ask<K extends keyof ConfigAnswers>(
  kind: K,
  about: Parameters<ConfigAnswers[K]>[0],
): Asking<ReturnType<ConfigAnswers[K]>> {
  return (yield { ask: kind, ...about } as unknown as ConfigQuestion) as ReturnType<ConfigAnswers[K]>;
}

/** Runs a generator such as `resolveConfig` with answers that need no waiting. To wait for answers, write the same loop with `await`. */
export function answerQuestions<T>(asking: Asking<T>, answers: ConfigAnswers): T {
  let step = asking.next();
  while (step.done !== true) {
    const answer = answers[step.value.ask] as (question: ConfigQuestion) => ConfigAnswer;
    step = asking.next(answer(step.value));
  }
  return step.value;
}

/** The settings that a connection to the host would use. */
export interface ResolvedConfig {
  /** The host as typed. */
  readonly host: string;
  readonly values: ConfigValues;
  /** Lines that set each value, in their order; none for a default. */
  readonly origins: { readonly [K in keyof ConfigValues]?: readonly Origin[] };
  /** Tokens of the values that are raw, for `expandText`. */
  readonly tokens: Tokens;
  /** Paths of the files that were read, in their order; twice with a second pass. */
  readonly files: readonly string[];
  /** Lines that OpenSSH prints on standard error before it goes on, such as those about unsupported options. */
  readonly notices: readonly string[];
}
