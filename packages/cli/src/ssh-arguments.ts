import type { ForwardTarget } from "nacre";
import { type AlgorithmNames, algorithmNames } from "./algorithms.ts";
import { type Destination, readDestination, readJumpHosts, readPort } from "./destination.ts";
import { type ForwardArgument, parseForward, parseStdioTarget } from "./forward-arguments.ts";
import { parseOptions, usage } from "./options.ts";

/** `nacre [option…] [user@]host [command…]`, read; the host may also be `ssh://[user@]host[:port]`. */
export interface SshArguments extends AlgorithmNames {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** What the words after the host are, with spaces between; `undefined` for a shell. */
  readonly command: string | undefined;
  readonly identityFiles: readonly string[];
  readonly knownHosts: string | undefined;
  readonly acceptNew: boolean;
  readonly hostKeys: readonly string[];
  readonly trace: boolean;
  readonly keyLogFile: string | undefined;
  /** How often a pseudo-terminal was asked for: once counts if input is a terminal, twice always. */
  readonly terminal: number;
  /** Hosts to connect through, in order from here outward. */
  readonly jumpHosts: readonly Destination[];
  readonly forwards: readonly ForwardArgument[];
  /** Where standard input and output are connected to (`-W`). */
  readonly stdioTarget: ForwardTarget | undefined;
  /** Whether a command or a shell is to run. */
  readonly hasSession: boolean;
  readonly inBackground: boolean;
  /** Whether a forwarding that cannot be set up ends the program. */
  readonly exitOnForwardFailure: boolean;
}

/** What stands before the host, and whether it takes a value. */
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

/** Reads the words after `nacre`. Everything after the host is the command. Throws `usage`. */
export function parseSshArguments(words: readonly string[]): SshArguments {
  const { options, rest } = parseOptions(words, SSH_OPTIONS);
  const all = (name: keyof typeof SSH_OPTIONS): string[] =>
    options.filter(([option]) => option === name).map(([, value]) => value);
  const last = (name: keyof typeof SSH_OPTIONS): string | undefined => all(name).at(-1);

  const [word, ...command] = rest;
  if (word === undefined) throw usage("name a host to connect to");
  const destination = readDestination(word);
  const user = last("-l") ?? destination.user;
  if (user === "") throw usage("-l names an empty user");
  const jumps = all("-J");
  if (jumps.length > 1) throw usage("-J is given once, with the jump hosts in order between commas: -J first,second");

  const portOption = last("-p");
  const forwards = options.flatMap(([name, value]) =>
    name === "-L" || name === "-R" || name === "-D" ? [parseForward(name, value)] : [],
  );
  const stdio = last("-W");
  const hasSession = all("-N").length === 0 && stdio === undefined;
  if (command.length > 0 && !hasSession)
    throw usage(`${stdio === undefined ? "-N" : "-W"} runs no command: omit "${command.join(" ")}"`);
  const inBackground = all("-f").length > 0;
  if (inBackground && stdio !== undefined) throw usage("-f and -W exclude each other: -W needs standard input");
  if (inBackground && command.length === 0 && hasSession)
    throw usage("-f needs a command, or -N: a shell cannot run in the background");

  const hostKeys = all("--host-key").map(fingerprint);
  if (hostKeys.length > 0 && all("--accept-new").length > 0)
    throw usage("--host-key and --accept-new exclude each other: a pinned key is never new");
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
    // With -W, as with ssh: what it carries would look like the answer of something else.
    exitOnForwardFailure: exitOnForwardFailure(all("-o")) ?? stdio !== undefined,
  };
}

function fingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(text))
    throw usage(
      `"${text}" is no fingerprint: it is SHA256: and 43 characters of base64 behind it, as nacre keygen -l prints it`,
    );
  return text;
}

/** The first value of ExitOnForwardFailure among `-o` options, which counts in ssh(1), too: `name=value` or `name value`. */
function exitOnForwardFailure(texts: readonly string[]): boolean | undefined {
  const values = texts.map((text) => {
    const [name = "", value = ""] = text.trim().split(/\s*=\s*|\s+/, 2);
    if (name.toLowerCase() !== "exitonforwardfailure")
      throw usage(`-o ${text}: there is no such option; -o takes ExitOnForwardFailure=yes or =no alone`);
    if (/^(yes|true)$/i.test(value)) return true;
    if (/^(no|false)$/i.test(value)) return false;
    throw usage(`-o ${text}: give yes or no`);
  });
  return values[0];
}
