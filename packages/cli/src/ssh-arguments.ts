import type { ForwardTarget } from "nacre";
import { type AlgorithmNames, algorithmNames } from "./algorithms.ts";
import { type Destination, readDestination, readJumpHosts, readPort } from "./destination.ts";
import { type ForwardArgument, parseForward, parseStdioTarget } from "./forward-arguments.ts";
import { parseOptions, usage } from "./options.ts";

/** Parsed command line of `nacre [option…] [user@]host [command…]`. The host may also be `ssh://[user@]host[:port]`. */
export interface SshArguments extends AlgorithmNames {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** Words after the host, joined with spaces; `undefined` for a shell. */
  readonly command: string | undefined;
  readonly identityFiles: readonly string[];
  readonly knownHosts: string | undefined;
  readonly acceptNew: boolean;
  readonly hostKeys: readonly string[];
  readonly trace: boolean;
  readonly keyLogFile: string | undefined;
  /** Number of `-t` options. One requests a pseudo-terminal only if standard input is a terminal; two always do. */
  readonly terminal: number;
  /** Jump hosts, nearest first. */
  readonly jumpHosts: readonly Destination[];
  readonly forwards: readonly ForwardArgument[];
  /** Target for standard input and output (`-W`). */
  readonly stdioTarget: ForwardTarget | undefined;
  /** Whether to run a command or a shell. */
  readonly hasSession: boolean;
  readonly inBackground: boolean;
  /** Whether to exit if a forward cannot be set up. */
  readonly exitOnForwardFailure: boolean;
}

/** Options before the host, and whether each takes a value. */
export const SSH_OPTIONS = {
  "-i": "value",
  "-p": "value",
  "-l": "value",
  "--known-hosts": "value",
  "--accept-new": "flag",
  "--host-key": "value",
  "-c": "value",
  "-m": "value",
  "--kex": "value",
  "--trace": "flag",
  "--keylog": "value",
  "-t": "flag",
  "-J": "value",
  "-L": "value",
  "-R": "value",
  "-D": "value",
  "-W": "value",
  "-N": "flag",
  "-f": "flag",
  "-o": "value",
} as const;

/** Parses the words after `nacre`. All words after the host are the command. Throws `usage` if they are invalid. */
export function parseSshArguments(words: readonly string[]): SshArguments {
  const { options, rest } = parseOptions(words, SSH_OPTIONS);
  const all = (name: keyof typeof SSH_OPTIONS): string[] =>
    options.filter(([option]) => option === name).map(([, value]) => value);
  const last = (name: keyof typeof SSH_OPTIONS): string | undefined => all(name).at(-1);

  const [word, ...command] = rest;
  if (word === undefined) throw usage("missing host; give [user@]host to connect to");
  const destination = readDestination(word);
  const user = last("-l") ?? destination.user;
  if (user === "") throw usage("empty user name after -l");
  const jumps = all("-J");
  if (jumps.length > 1) throw usage("-J given more than once; list all jump hosts in one option: -J first,second");

  const portOption = last("-p");
  const forwards = options.flatMap(([name, value]) =>
    name === "-L" || name === "-R" || name === "-D" ? [parseForward(name, value)] : [],
  );
  const stdio = last("-W");
  const hasSession = all("-N").length === 0 && stdio === undefined;
  if (command.length > 0 && !hasSession)
    throw usage(`${stdio === undefined ? "-N" : "-W"} runs no command; remove "${command.join(" ")}"`);
  const inBackground = all("-f").length > 0;
  if (inBackground && stdio !== undefined) throw usage("-f and -W cannot be combined, because -W needs standard input");
  if (inBackground && command.length === 0 && hasSession)
    throw usage("-f needs a command or -N; a shell cannot run in the background");

  const hostKeys = all("--host-key").map(fingerprint);
  if (hostKeys.length > 0 && all("--accept-new").length > 0)
    throw usage("--host-key and --accept-new cannot be combined, because a pinned key is never new");
  return {
    host: destination.host,
    port: portOption === undefined ? destination.port : readPort(portOption),
    user,
    jumpHosts: jumps.flatMap(readJumpHosts),
    command: command.length === 0 ? undefined : command.join(" "),
    identityFiles: all("-i"),
    knownHosts: last("--known-hosts"),
    acceptNew: all("--accept-new").length > 0,
    hostKeys,
    ...algorithmNames(last),
    trace: all("--trace").length > 0,
    keyLogFile: last("--keylog"),
    terminal: all("-t").length,
    forwards,
    stdioTarget: stdio === undefined ? undefined : parseStdioTarget(stdio),
    hasSession,
    inBackground,
    // On by default with -W, as in ssh(1).
    exitOnForwardFailure: exitOnForwardFailure(all("-o")) ?? stdio !== undefined,
  };
}

function fingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(text))
    throw usage(
      `invalid fingerprint "${text}"; expected SHA256: and 43 base64 characters, as printed by nacre keygen -l`,
    );
  return text;
}

/** Returns the first value of ExitOnForwardFailure (the first counts in ssh(1)). Accepts `name=value` and `name value`. Throws `usage`. */
function exitOnForwardFailure(texts: readonly string[]): boolean | undefined {
  const values = texts.map((text) => {
    const [name = "", value = ""] = text.trim().split(/\s*=\s*|\s+/, 2);
    if (name.toLowerCase() !== "exitonforwardfailure")
      throw usage(`unsupported option -o ${text}; expected -o ExitOnForwardFailure=yes or -o ExitOnForwardFailure=no`);
    if (/^(yes|true)$/i.test(value)) return true;
    if (/^(no|false)$/i.test(value)) return false;
    throw usage(`invalid value in -o ${text}; expected yes or no`);
  });
  return values[0];
}
