import { type AlgorithmNames, algorithmNames } from "./algorithms.ts";
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
} as const;

/** Reads the words after `nacre`. Everything after the host is the command. Throws `usage`. */
export function parseSshArguments(words: readonly string[]): SshArguments {
  const { options, rest } = parseOptions(words, SSH_OPTIONS);
  const all = (name: keyof typeof SSH_OPTIONS): string[] =>
    options.filter(([option]) => option === name).map(([, value]) => value);
  const last = (name: keyof typeof SSH_OPTIONS): string | undefined => all(name).at(-1);

  const [word, ...command] = rest;
  if (word === undefined) throw usage("name a host to connect to");
  const destination = /^ssh:\/\//i.test(word) ? readUri(word) : readHost(word);
  const { host } = destination;
  const user = last("-l") ?? destination.user;
  if (host === "") throw usage(`"${word}" names no host`);
  if (user === "") throw usage(`"${word}" names an empty user`);

  const hostKeys = all("--host-key").map(fingerprint);
  if (hostKeys.length > 0 && all("--accept-new").length > 0)
    throw usage("--host-key and --accept-new exclude each other: a pinned key is never new");
  return {
    host,
    port: port(last("-p") ?? destination.port),
    user,
    command: command.length === 0 ? undefined : command.join(" "),
    identityFiles: all("-i"),
    knownHosts: last("--known-hosts"),
    acceptNew: all("--accept-new").length > 0,
    hostKeys,
    ...algorithmNames(last),
    trace: all("--trace").length > 0,
    keyLogFile: last("--keylog"),
    terminal: all("-t").length,
  };
}

/** What an option may say otherwise. */
interface Destination {
  readonly user: string | undefined;
  readonly host: string;
  readonly port?: string | undefined;
}

/** `[user@]host` */
function readHost(word: string): Destination {
  // A user name may hold an @; a host cannot.
  const at = word.lastIndexOf("@");
  const host = word.slice(at + 1);
  const [, before, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(host) ?? [];
  if (port !== undefined)
    throw usage(
      `"${word}": a port does not stand behind the host; write -p ${port} ${word.slice(0, at + 1)}${before}, or ssh://${word}`,
    );
  return { user: at < 0 ? undefined : word.slice(0, at), host: host.replace(/^\[(.*)\]$/, "$1") };
}

/** `ssh://[user@]host[:port]`, as OpenSSH reads it (ssh(1)): the user may have percent escapes, and an IPv6 address has brackets. */
function readUri(word: string): Destination {
  const [, user, host, port] = /^ssh:\/\/(?:([^@:;/]*)@)?(\[[^\]/]*\]|[^@:/?#[\]]*)(?::(\d+))?\/?$/i.exec(word) ?? [];
  try {
    // The % before the zone of an IPv6 address is escaped too (RFC 6874).
    if (host !== undefined)
      return {
        user: user && decodeURIComponent(user),
        host: host.replace(/^\[(.*)\]$/, "$1").replace("%25", "%"),
        port,
      };
  } catch {
    // Such escapes are none.
  }
  // The word may hold a password, which is not repeated.
  throw usage("this is no address of a host: it is ssh://[user@]host[:port], without a password and without a path");
}

function port(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1 || value > 65535)
    throw usage(`"${text}" is no port: it is a number from 1 to 65535`);
  return value;
}

function fingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(text))
    throw usage(
      `"${text}" is no fingerprint: it is SHA256: and 43 characters of base64 behind it, as nacre keygen -l prints it`,
    );
  return text;
}
