import { isIP } from "node:net";
import type { ForwardTarget } from "nacre";
import { type OptionKind, parseOptions, usage, valuesOf } from "../options.ts";
import {
  CONNECTION_OPTIONS,
  type ConnectionArguments,
  type ConnectionOption,
  readConnection,
} from "./connection-arguments.ts";
import { readDestination, readPort } from "./destination.ts";
import { type ForwardArgument, parseForward, parseStdioTarget } from "./forward-arguments.ts";

/** Parsed command line of `nacre [option…] [user@]host [command…]`. The host may also be `ssh://[user@]host[:port]`. */
export interface SshArguments extends ConnectionArguments {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** Words after the host, joined with spaces; `undefined` for a shell. */
  readonly command: string | undefined;
  /**
   * Number of `-t` options. One requests a pseudo-terminal only if standard input is a terminal; two always do. `"never"` after `-T`, also
   * for a shell.
   */
  readonly terminal: number | "never";
  /** Whether the command reads standard input; false with `-n`. */
  readonly hasInput: boolean;
  readonly forwards: readonly ForwardArgument[];
  /** Target for standard input and output (`-W`). */
  readonly stdioTarget: ForwardTarget | undefined;
  /** Whether to run a command or a shell. */
  readonly hasSession: boolean;
  readonly inBackground: boolean;
  /** Whether to exit if a forward cannot be set up. */
  readonly exitOnForwardFailure: boolean;
}

/** Names of the options before the host. */
type SshOption =
  | ConnectionOption
  | "-p"
  | "-l"
  | "-t"
  | "-T"
  | "-n"
  | "-L"
  | "-R"
  | "-D"
  | "-W"
  | "-N"
  | "-f"
  | "-o"
  | "-b";

/** Options before the host, and whether each takes a value. */
export const SSH_OPTIONS: Readonly<Record<SshOption, OptionKind>> = {
  ...CONNECTION_OPTIONS,
  "-p": "value",
  "-l": "value",
  "-t": "flag",
  "-T": "flag",
  "-n": "flag",
  "-L": "value",
  "-R": "value",
  "-D": "value",
  "-W": "value",
  "-N": "flag",
  "-f": "flag",
  "-o": "value",
  "-b": "value",
};

/** What to do in place of options of ssh(1) that `nacre` lacks. */
export const INSTEAD_OF_SSH_OPTIONS: Readonly<Record<string, string>> = {
  "-A": "agent forwarding is not supported",
  "-C": "compression is not supported",
  "-F": "ssh_config is not read; use user@, -p, -i and -J",
  "-P": "the port is -p",
  "-X": "X11 forwarding is not supported",
  "-Y": "X11 forwarding is not supported",
  "-g": "write -L '*:PORT:HOST:HOSTPORT' to listen on every address",
  "-v": "use --trace to see each packet",
};

/** Parses the words after `nacre`. All words after the host are the command. Throws `usage` if they are invalid. */
export function parseSshArguments(words: readonly string[]): SshArguments {
  const { options, rest } = parseOptions(words, SSH_OPTIONS, INSTEAD_OF_SSH_OPTIONS);
  const { all, last, has } = valuesOf<SshOption>(options);

  const [word, ...command] = rest;
  if (word === undefined) throw usage("missing host; give [user@]host to connect to");
  const destination = readDestination(word);
  const user = last("-l") ?? destination.user;
  if (user === "") throw usage("empty user name after -l");

  const portOption = last("-p");
  const forwards = options.flatMap(([name, value]) =>
    name === "-L" || name === "-R" || name === "-D" ? [parseForward(name, value)] : [],
  );
  const stdio = last("-W");
  const hasSession = !has("-N") && stdio === undefined;
  if (command.length > 0 && !hasSession)
    throw usage(`${stdio === undefined ? "-N" : "-W"} runs no command; remove "${command.join(" ")}"`);
  const localAddress = last("-b");
  const config = readConfigOptions(all("-o"));
  const inBackground = has("-f");
  if (has("-n") && stdio !== undefined) throw usage("-n and -W cannot be combined, because -W needs standard input");
  if (inBackground && stdio !== undefined) throw usage("-f and -W cannot be combined, because -W needs standard input");
  if (inBackground && command.length === 0 && hasSession)
    throw usage("-f needs a command or -N; a shell cannot run in the background");

  return {
    ...readConnection(options),
    host: destination.host,
    port: portOption === undefined ? destination.port : readPort(portOption),
    user,
    command: command.length === 0 ? undefined : command.join(" "),
    // As with ssh(1), the last one counts.
    terminal: options.findLast(([name]) => name === "-t" || name === "-T")?.[0] === "-T" ? "never" : all("-t").length,
    hasInput: !has("-n"),
    forwards,
    stdioTarget: stdio === undefined ? undefined : parseStdioTarget(stdio),
    hasSession,
    inBackground,
    // On by default with -W, as in ssh(1).
    exitOnForwardFailure: config.exitOnForwardFailure ?? stdio !== undefined,
    connectTimeout: config.connectTimeout,
    localAddress: localAddress === undefined ? undefined : readAddress(localAddress),
  };
}

/** Throws `usage` unless the value of -b is an IP address. */
function readAddress(text: string): string {
  if (isIP(text) !== 0) return text;
  throw usage(`invalid address "${text}" after -b; expected an IP address of this machine`);
}

/** Values of the option `-o`. */
interface ConfigOptions {
  exitOnForwardFailure?: boolean;
  /** In milliseconds; `undefined` for none. */
  connectTimeout?: number | undefined;
}

/** Reads the options `-o`, as `name=value` or `name value`. The first value of a name counts, as in ssh(1). Throws `usage`. */
function readConfigOptions(texts: readonly string[]): ConfigOptions {
  const read: ConfigOptions = {};
  for (const text of texts.toReversed()) {
    const [name = "", value = ""] = text.trim().split(/\s*=\s*|\s+/, 2);
    switch (name.toLowerCase()) {
      case "exitonforwardfailure":
        read.exitOnForwardFailure = yesOrNo(text, value);
        break;
      case "connecttimeout":
        read.connectTimeout = /^none$/i.test(value) ? undefined : 1000 * seconds(text, value);
        break;
      default:
        throw usage(`unsupported option -o ${text}; expected -o ExitOnForwardFailure=yes or -o ConnectTimeout=SECONDS`);
    }
  }
  return read;
}

function yesOrNo(text: string, value: string): boolean {
  if (/^(yes|true)$/i.test(value)) return true;
  if (/^(no|false)$/i.test(value)) return false;
  throw usage(`invalid value in -o ${text}; expected yes or no`);
}

/** Returns the seconds of a time such as `90` or `1m30s` (sshd_config(5), TIME FORMATS). Throws `usage`. */
function seconds(text: string, value: string): number {
  const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  const parts = /^(?:\d{1,8}[smhdw]?)+$/i.test(value) ? [...value.matchAll(/(\d+)([a-z]?)/gi)] : [];
  const sum = parts.reduce((total, [, count, unit]) => total + Number(count) * units[unit!.toLowerCase()]!, 0);
  if (sum >= 1 && sum <= 31_536_000) return sum;
  throw usage(`invalid value in -o ${text}; expected seconds, or a time such as 1m30s`);
}
