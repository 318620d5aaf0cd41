import { type OptionKind, type ParsedOptions, usage } from "../options.ts";
import { LONG_OPTIONS, noOptions, type OptionValues, SSH_OPTIONS, type TypedSetting } from "./ssh-options.ts";

/** How to connect and log in. The same for a command, for `nacre cp` and for `nacre sftp`. */
export interface ConnectionArguments {
  /** Settings of the configuration, in the order of the words. */
  readonly settings: readonly TypedSetting[];
  /** The only configuration file to read (`-F`), or `none`; `undefined` for the default files. */
  readonly configFile: string | undefined;
  /** File of known host keys, to which new hosts are added; `undefined` for those of the configuration. */
  readonly knownHosts: string | undefined;
  /** Whether to accept an unknown host and remember its key. */
  readonly acceptNew: boolean;
  /** Fingerprints of accepted host keys; empty for those in the known hosts. */
  readonly hostKeys: readonly string[];
  /** Whether to print each packet. */
  readonly trace: boolean;
  /** File for the session secrets; `undefined` for none. */
  readonly keyLogFile: string | undefined;
}

/** Names of the options that say how to connect. */
export type ConnectionOption =
  | "-i"
  | "-F"
  | "-o"
  | "-A"
  | "-C"
  | "-v"
  | "-4"
  | "-6"
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
  "-F": "value",
  "-o": "value",
  "-A": "flag",
  "-C": "flag",
  "-v": "flag",
  "-4": "flag",
  "-6": "flag",
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

/** Advice for options of scp(1) and sftp(1) that `nacre cp` and `nacre sftp` lack. */
export const INSTEAD_OF_FILE_OPTIONS: Readonly<Record<string, string>> = {
  "-l": "use --limit RATE, in bytes a second",
  // -p takes no value, so -p2222 is -p -2 -2 -2 -2.
  ...Object.fromEntries(Array.from("01235789", (digit) => [`-${digit}`, "the port is -P"])),
};

/** Reads the options that say how to connect, among others. Throws `usage` if a value is invalid. */
export function readConnection(options: ParsedOptions["options"]): ConnectionArguments {
  const values = noOptions();
  for (const [name, value] of options)
    if (Object.hasOwn(CONNECTION_OPTIONS, name)) (SSH_OPTIONS[name] ?? LONG_OPTIONS[name])!.act(values, value);
  return connectionOf(values);
}

/** Returns what the values of options say about the connection. Throws `usage` for `--accept-new` beside pinned host keys. */
export function connectionOf(values: OptionValues): ConnectionArguments {
  const { settings, configFile, knownHosts, acceptNew = false, hostKeys, trace = false, keyLogFile } = values;
  if (hostKeys.length > 0 && acceptNew)
    throw usage("--host-key and --accept-new cannot be combined, because a pinned key is never new");
  return { settings, configFile, knownHosts, acceptNew, hostKeys, trace, keyLogFile };
}
