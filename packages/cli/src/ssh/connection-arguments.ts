import type { ConnectOptions } from "@nacre/node";
import { type OptionKind, type ParsedOptions, usage, valuesOf } from "../options.ts";
import { type AlgorithmNames, algorithmNames } from "./algorithms.ts";
import { type Destination, readJumpHosts } from "./destination.ts";

/** How to connect and log in. The same for a command, for `nacre cp` and for `nacre sftp`. */
export interface ConnectionArguments extends AlgorithmNames {
  /** Files of the private keys to log in with. */
  readonly identityFiles: readonly string[];
  /** Whether to leave out the keys of the agent that no file names: neither one of these nor, without any, a default one. */
  readonly identitiesOnly?: boolean | undefined;
  /** Files of known host keys; `undefined` for the default files. New hosts are added to the first. */
  readonly knownHosts: readonly string[] | undefined;
  /** Whether to accept an unknown host and remember its key. */
  readonly acceptNew: boolean;
  /** Fingerprints of accepted host keys; empty for those in the known hosts. */
  readonly hostKeys: readonly string[];
  /** Whether to print each packet. */
  readonly trace: boolean;
  /** File for the session secrets; `undefined` for none. */
  readonly keyLogFile: string | undefined;
  /** Jump hosts, nearest first. */
  readonly jumpHosts: readonly Destination[];
  /** Time limit for connecting to each host, in milliseconds. */
  readonly connectTimeout?: number | undefined;
  /** Address of this machine to connect from. */
  readonly localAddress?: string | undefined;
  /** Whether unknown hosts are refused without a question. */
  readonly strictHostKeys?: boolean | undefined;
  /** Agent for the login: the path of its socket, or false for none; `undefined` for the one at SSH_AUTH_SOCK. */
  readonly agent?: string | false | undefined;
  /** Whether to offer the agent to the server's commands. */
  readonly forwardAgent?: boolean | undefined;
  /** Login methods to try, in this order; `undefined` for the defaults. */
  readonly methods?: ConnectOptions["methods"];
  /** Limits of the connection. */
  readonly limits?: ConnectOptions["limits"];
}

/** Names of the options that say how to connect. */
export type ConnectionOption =
  | "-i"
  | "--known-hosts"
  | "--accept-new"
  | "--host-key"
  | "-c"
  | "-m"
  | "--kex"
  | "--trace"
  | "--keylog"
  | "-J";

/** Options that say how to connect, and whether each takes a value. */
export const CONNECTION_OPTIONS: Readonly<Record<ConnectionOption, OptionKind>> = {
  "-i": "value",
  "--known-hosts": "value",
  "--accept-new": "flag",
  "--host-key": "value",
  "-c": "value",
  "-m": "value",
  "--kex": "value",
  "--trace": "flag",
  "--keylog": "value",
  "-J": "value",
};

/** What to do in place of options of scp(1) and sftp(1) that `nacre cp` and `nacre sftp` lack. */
export const INSTEAD_OF_FILE_OPTIONS: Readonly<Record<string, string>> = {
  "-A": "agent forwarding is not supported",
  "-C": "compression is not supported",
  "-F": "ssh_config is not read; use user@, -P, -i and -J",
  "-l": "use --limit RATE, in bytes a second",
  "-o": "ssh_config is not read; use user@, -P, -i and -J",
  "-v": "use --trace to see each packet",
  // -p takes no value, so -p2222 is -p -2 -2 -2 -2.
  ...Object.fromEntries(Array.from("0123456789", (digit) => [`-${digit}`, "the port is -P"])),
};

/** Reads the options that say how to connect, among others. Throws `usage` if a value is invalid. */
export function readConnection(options: ParsedOptions["options"]): ConnectionArguments {
  const { all, last, has } = valuesOf<ConnectionOption>(options);
  const jumps = all("-J");
  if (jumps.length > 1) throw usage("-J given more than once; list all jump hosts in one option: -J first,second");
  const hostKeys = all("--host-key").map(readFingerprint);
  checkPins(hostKeys, has("--accept-new"));
  return {
    jumpHosts: jumps.flatMap(readJumpHosts),
    identityFiles: all("-i"),
    knownHosts: fileOf(last("--known-hosts")),
    acceptNew: has("--accept-new"),
    hostKeys,
    ...algorithmNames(last),
    trace: has("--trace"),
    keyLogFile: last("--keylog"),
  };
}

/** Throws `usage` for `--accept-new` beside pinned host keys. */
export function checkPins(hostKeys: readonly string[], acceptNew: boolean): void {
  if (hostKeys.length > 0 && acceptNew)
    throw usage("--host-key and --accept-new cannot be combined, because a pinned key is never new");
}

const fileOf = (file: string | undefined): readonly string[] | undefined => (file === undefined ? undefined : [file]);

/** Returns the fingerprint of a host key, as `--host-key` takes it. Throws `usage` if it is invalid. */
export function readFingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(text))
    throw usage(
      `invalid fingerprint "${text}"; expected SHA256: and 43 base64 characters, as printed by nacre keygen -l`,
    );
  return text;
}
