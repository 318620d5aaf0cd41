import { escapeText } from "@nacre/wire";
import type { ForwardTarget } from "nacre";
import { type OptionKind, type ParsedOptions, parseOptions, sshUsage, usage } from "../options.ts";
import { type ConnectionArguments, connectionOf } from "./connection-arguments.ts";
import { destinationSettings, readDestination } from "./destination.ts";
import { LONG_OPTIONS, noOptions, type OptionRow, SSH_OPTIONS } from "./ssh-options.ts";

/**
 * Parsed command line of `nacre [option…] [user@]host [option…] [command…]`. The host may also be `ssh://[user@]host[:port]`. What an
 * option shares with a keyword of ssh_config(5) is in `settings`.
 */
export interface SshArguments extends ConnectionArguments {
  /** Host as typed. */
  readonly host: string;
  /** Words after the host and its options, joined with spaces; `undefined` for a shell, or for RemoteCommand. Never empty. */
  readonly command: string | undefined;
  /** Target for standard input and output (`-W`). */
  readonly stdioTarget: ForwardTarget | undefined;
  /** Whether only the configuration is printed (`-G`). */
  readonly printsConfig: boolean;
  /** Whether to connect again, and set the forwards up again, when the connection is lost. */
  readonly reconnect: boolean;
  /** Command for the connection that a control socket shares (`-O`). */
  readonly controlCommand: string | undefined;
  /** Whether `-q` or `-v` was typed last; what they say counts while the configuration is read. */
  readonly loudness: "quiet" | "verbose" | undefined;
  /** File for messages in place of standard error; `undefined` for none. */
  readonly logFile: string | undefined;
  /** Lines about options that have no effect. */
  readonly notes: readonly string[];
}

/** A command line as getopt(3) reads it. */
export interface SshWords {
  /** Options before the host, in order; the value of a flag is `""`. */
  readonly before: ParsedOptions["options"];
  readonly host: string | undefined;
  /** Options after the host. */
  readonly after: ParsedOptions["options"];
  readonly command: readonly string[];
}

const kindsOf = (rows: Readonly<Record<string, OptionRow>>): Record<string, OptionKind> =>
  Object.fromEntries(Object.entries(rows).map(([name, { takes }]) => [name, takes]));

const AFTER_HOST = kindsOf(SSH_OPTIONS);
const BEFORE_HOST = { ...AFTER_HOST, ...kindsOf(LONG_OPTIONS) };

/**
 * Splits a command line like OpenSSH: options stand before the host and after it, up to the command or `--`, which is dropped. After
 * `-- HOST` all words are the command. Throws `usage` for an unknown option or a missing value.
 */
export function splitSshWords(words: readonly string[]): SshWords {
  const { options: before, rest } = parseOptions(words, BEFORE_HOST);
  const [host, ...others] = rest;
  const isOver = words[words.length - rest.length - 1] === "--";
  if (isOver || host === undefined) return { before, host, after: [], command: others };
  const { options: after, rest: command } = parseOptions(others, AFTER_HOST);
  return { before, host, after, command };
}

/** Parses the words after `nacre`. Throws `usage` if they are invalid. */
export function parseSshArguments(words: readonly string[]): SshArguments {
  return readSshWords(splitSshWords(words));
}

/** Reads a command line. Throws `usage` if it is invalid, except for values of the configuration, which are checked when that is read. */
export function readSshWords({ before, host: word, after, command }: SshWords): SshArguments {
  const values = noOptions();
  const apply = (options: ParsedOptions["options"]): void => {
    for (const [name, value] of options) (SSH_OPTIONS[name] ?? LONG_OPTIONS[name])!.act(values, value);
  };
  apply(before);
  if (word === undefined) throw usage("missing host; give [user@]host to connect to");
  const destination = readDestination(word);
  values.settings.push(...destinationSettings(destination, /^ssh:\/\//i.test(word)));
  apply(after);
  const { stdioTarget, sessionOption, logLevel = INFO } = values;
  if (command.length === 0 && sessionOption === "-s")
    throw sshUsage("You must specify a subsystem to invoke.", "give its name after the host");
  const without = stdioTarget !== undefined ? "-W" : sessionOption === "-N" ? "-N" : undefined;
  if (without !== undefined && command.length > 0)
    values.notes.push(`nacre: "${escapeText(command.join(" "))}" does not run, because of ${without}`);
  return {
    ...connectionOf(values),
    host: destination.host,
    // As with ssh(1), an empty word stands for no command.
    command: command.join(" ") || undefined,
    stdioTarget,
    printsConfig: values.printsConfig ?? false,
    reconnect: values.reconnect ?? false,
    controlCommand: values.controlCommand,
    loudness: logLevel < INFO ? "quiet" : logLevel > INFO ? "verbose" : undefined,
    logFile: values.logFile,
    notes: [...new Set(values.notes)],
  };
}

/** The log level of a command line without -q and -v. */
const INFO = 3;
