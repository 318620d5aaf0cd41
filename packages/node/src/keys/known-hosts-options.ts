import { SshError } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
import { isAbsolutePath } from "../windows/system.ts";

/** Where host keys are known from, and how new ones are stored: the option `knownHosts` of `connect`. */
export interface KnownHostsOptions {
  /**
   * Path or paths of the user's known_hosts files; default `~/.ssh/known_hosts`. The first gets new keys. Missing files count as empty; an
   * empty list means none.
   */
  readonly files?: string | readonly string[] | undefined;
  /**
   * Path or paths of files that are only read; default `/etc/ssh/ssh_known_hosts`, or none if `files` is given. On Windows the default is
   * `%ProgramData%\ssh\ssh_known_hosts`.
   */
  readonly globalFiles?: string | readonly string[] | undefined;
  /**
   * Returns a command that prints more known_hosts lines, as an absolute path with arguments (ssh_config(5), KnownHostsCommand). It runs
   * without a shell, once before the key exchange and once for the server's key; a status other than 0 ends the attempt to connect.
   */
  readonly command?: ((lookup: HostKeyLookup) => readonly string[]) | undefined;
  /** Whether the names of new hosts are stored as hashes; default false (ssh_config(5), HashKnownHosts). */
  readonly hash?: boolean | undefined;
  /**
   * Whether the address of the host is looked up too, and stored with a new host; default false (ssh_config(5), CheckHostIP). Another key
   * of the address then counts as a changed key. Not for addresses of this machine, and not through jump hosts.
   */
  readonly checkAddress?: boolean | undefined;
  /**
   * Whether every key is accepted of a server at an address of this machine; default false (ssh_config(5),
   * NoHostAuthenticationForLocalhost). Not with `hostKeyAlias`, and not through jump hosts.
   */
  readonly trustLoopback?: boolean | undefined;
}

/** The host for which a command prints known_hosts lines, and its key if that is known yet. */
export interface HostKeyLookup {
  /** `"order"`: for the host, before it has shown a key; `"host"`: for the host and its key. */
  readonly reason: "order" | "host";
  /** Name in known_hosts format: `"example.org"`, `"[example.org]:2222"`. */
  readonly name: string;
  /** Key of the server; `undefined` for `"order"`. */
  readonly hostKey: { readonly blob: Uint8Array; readonly fingerprint: string } | undefined;
}

const ROWS: OptionRows<KnownHostsOptions> = {
  files: { type: "string or array", check: checkPaths },
  globalFiles: { type: "string or array", check: checkPaths },
  command: "function",
  hash: "boolean",
  checkAddress: "boolean",
  trustLoopback: "boolean",
};

/** Throws `usage` unless this is a path, an array of paths, or an object of options. */
export function checkKnownHosts(knownHosts: unknown): void {
  if (typeof knownHosts === "object" && knownHosts !== null && !Array.isArray(knownHosts))
    checkOptions(knownHosts, ROWS, "`knownHosts`");
  else checkPaths(knownHosts);
}

/** Returns the options that paths of files stand for, or those that are given. */
export function asOptions(knownHosts: string | readonly string[] | KnownHostsOptions | undefined): KnownHostsOptions {
  return typeof knownHosts === "string" || isList(knownHosts) ? { files: knownHosts } : { ...knownHosts };
}

const isList = (value: unknown): value is readonly string[] => Array.isArray(value);

/** Returns the paths of an option; `undefined` if it is not given. */
export function pathsOf(paths: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof paths === "string" ? [paths] : paths;
}

/** Throws `usage` unless this is a path or an array of paths. */
export function checkPaths(paths: unknown): void {
  for (const path of [paths].flat())
    if (path !== undefined && typeof path !== "string")
      throw new SshError("usage", "`knownHosts` and lists of keys must be the path of a file, or an array of paths");
}

/** Throws `usage` unless this is a command: an absolute path and arguments. */
export function checkCommand(command: unknown): asserts command is readonly [string, ...string[]] {
  const isCommand = Array.isArray(command) && command.every((word) => typeof word === "string");
  if (!isCommand || !isAbsolutePath(command[0] ?? ""))
    throw new SshError("usage", "`command` of `knownHosts` must return an absolute path and arguments");
}
