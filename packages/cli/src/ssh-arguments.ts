import type { Fingerprint } from "@nacre/node";
import { parseOptions, usage } from "./options.ts";

/** `nacre [option…] [user@]host [command…]`, read. */
export interface SshArguments {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** What the words after the host are, with spaces between; `undefined` for a shell. */
  readonly command: string | undefined;
  readonly identityFiles: readonly string[];
  readonly knownHosts: string | undefined;
  readonly acceptNew: boolean;
  readonly hostKeys: readonly Fingerprint[];
  /** Names, preferred first. */
  readonly ciphers: readonly string[] | undefined;
  readonly macs: readonly string[] | undefined;
  readonly kex: readonly string[] | undefined;
  readonly trace: boolean;
  readonly keyLogFile: string | undefined;
  /** How often a pseudo-terminal was asked for: once counts if input is a terminal, twice always. */
  readonly terminal: number;
}

const OPTIONS = {
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
  const { options, rest } = parseOptions(words, OPTIONS);
  const all = (name: keyof typeof OPTIONS): string[] =>
    options.filter(([option]) => option === name).map(([, value]) => value);
  const last = (name: keyof typeof OPTIONS): string | undefined => all(name).at(-1);

  const [destination, ...command] = rest;
  if (destination === undefined) throw usage("name a host to connect to");
  // A user name may hold an @; a host cannot.
  const at = destination.lastIndexOf("@");
  const host = destination.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  const user = last("-l") ?? (at < 0 ? undefined : destination.slice(0, at));
  if (host === "") throw usage(`"${destination}" names no host`);
  if (user === "") throw usage(`"${destination}" names an empty user`);

  const hostKeys = all("--host-key").map(fingerprint);
  if (hostKeys.length > 0 && all("--accept-new").length > 0)
    throw usage("--host-key and --accept-new exclude each other: a pinned key is never new");
  return {
    host,
    port: port(last("-p")),
    user,
    command: command.length === 0 ? undefined : command.join(" "),
    identityFiles: all("-i"),
    knownHosts: last("--known-hosts"),
    acceptNew: all("--accept-new").length > 0,
    hostKeys,
    ciphers: names(last("-c")),
    macs: names(last("-m")),
    kex: names(last("--kex")),
    trace: all("--trace").length > 0,
    keyLogFile: last("--keylog"),
    terminal: all("-t").length,
  };
}

function port(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1 || value > 65535)
    throw usage(`"${text}" is no port: it is a number from 1 to 65535`);
  return value;
}

function fingerprint(text: string): Fingerprint {
  if (!text.startsWith("SHA256:")) throw usage(`"${text}" is no fingerprint: it begins with SHA256:`);
  return text as Fingerprint;
}

function names(text: string | undefined): readonly string[] | undefined {
  return text?.split(",");
}
