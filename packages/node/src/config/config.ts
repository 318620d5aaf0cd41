import type { AlgorithmNames, CommandLineSetting, ConfigValues, ResolvedConfig as PureConfig } from "@nacre/config";
import { checkLimit, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { checkSignal, type OptionRows } from "nacre/extend";
import { rejectingWithSshError } from "../net/failure.ts";

/** A configuration, by the files that it is read from whenever a host is resolved. Made by `loadConfig`. */
export interface Config extends LoadConfigOptions, Pick<ResolveConfigOptions, "algorithms" | "version" | "defaults"> {
  /** Path of the file; true for `~/.ssh/config` and `/etc/ssh/ssh_config`, and false for none. */
  readonly files: boolean | string;
}

/** Options of `loadConfig`. */
export interface LoadConfigOptions {
  /**
   * Whether commands of the configuration may run: `Match exec`, ProxyCommand and KnownHostsCommand. By default they run from
   * `~/.ssh/config`, `/etc/ssh/ssh_config` and the files that these include, if no other account can write or replace the file. Those of a
   * file that is named need true, and on Windows those of a file outside the home folder.
   */
  readonly commands?: boolean | undefined;
  /** Time limit for `Match exec` and KnownHostsCommand in milliseconds; none by default. */
  readonly commandTimeout?: number | undefined;
}

/** Options of `resolveConfig`. */
export interface ResolveConfigOptions extends LoadConfigOptions {
  /**
   * True, the default, reads `~/.ssh/config` and `/etc/ssh/ssh_config`; a path, or a value of `loadConfig`, reads that file; false reads
   * none.
   */
  readonly config?: boolean | string | Config | undefined;
  /** Aborts reading, and ends the command that runs. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Settings of a command line, for programs that take the place of `ssh`; they precede those of files. `host` is then taken as it is,
   * without a user or port in it.
   */
  readonly commandLine?: readonly CommandLineSetting[] | undefined;
  /** Command or subsystem that is to run, for `Match command` and `Match sessiontype`. */
  readonly command?: string | undefined;
  /** Whether one connection replaces the session, as with `ssh -W`; default false. */
  readonly stdioForward?: boolean | undefined;
  /** Algorithm names that may be written, and the default lists. Default: the names of OpenSSH 10.5, and the lists that Nacre offers. */
  readonly algorithms?: AlgorithmNames | undefined;
  /** Version for `Match version`; default `OpenSSH_10.5p1`. */
  readonly version?: string | undefined;
  /** Default values that replace those of OpenSSH. */
  readonly defaults?: Partial<ConfigValues> | undefined;
}

/** The settings that a connection to a host would use, with the file and line of each value. */
export interface ResolvedConfig extends PureConfig {
  /** Where the values are from. Jump hosts are resolved from there too. */
  readonly source: Config;
}

/**
 * Names a configuration for `connect` and `resolveConfig`: the file at `path` in the format of ssh_config(5), or by default
 * `~/.ssh/config` and `/etc/ssh/ssh_config`. The files are read when a host is resolved. Rejects with `file-unreadable` if there is no file
 * at `path` that can be read.
 */
export function loadConfig(path?: string, options?: LoadConfigOptions): Promise<Config> {
  return rejectingWithSshError(async () => (await import("./resolve.ts")).load(path, options));
}

/**
 * Resolves what a connection to `host` would use, as `ssh -G` does: every value of ssh_config(5), with the file and line that set it.
 * `host` is the name of a `Host` block or any other host, `"alice@db:2222"` with optional user and port. Rejects with `file-malformed` for
 * bad lines, all of a file in one error; `file-unreadable`, also for a file that another account can write; `usage` for a command that may
 * not run, and for characters of a shell in `host`; `connection-failed` for a name that must be canonicalized and cannot be; `aborted`.
 */
export function resolveConfig(host: string, options?: ResolveConfigOptions): Promise<ResolvedConfig> {
  return rejectingWithSshError(async () => (await import("./resolve.ts")).resolve(host, options));
}

/**
 * Rejects with `usage` unless a command of a resolved configuration may run (`LoadConfigOptions.commands`). For commands that `connect`
 * does not run, such as LocalCommand.
 */
export function assertConfigCommand(config: ResolvedConfig, keyword: keyof ConfigValues): Promise<void> {
  return rejectingWithSshError(async () => (await import("./resolve.ts")).assertCommandOf(config, keyword));
}

export const LOAD_CONFIG_OPTIONS: OptionRows<LoadConfigOptions> = {
  commands: "boolean",
  commandTimeout: { check: checkCommandTimeout },
};

export const RESOLVE_CONFIG_OPTIONS: OptionRows<ResolveConfigOptions> = {
  ...LOAD_CONFIG_OPTIONS,
  config: { check: checkConfig },
  signal: { check: checkSignal },
  commandLine: "array",
  command: "string",
  stdioForward: "boolean",
  algorithms: "object",
  version: "string",
  defaults: "object",
};

/** Throws `usage` if `commandTimeout` is set and not a number of milliseconds. */
export function checkCommandTimeout(timeout: number | undefined): void {
  if (timeout === undefined) return;
  checkLimit("commandTimeout", timeout, { least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" });
}

/** Throws `usage` unless the value names a configuration. */
export function checkConfig(config: boolean | string | object | null | undefined): void {
  if (config === undefined || typeof config === "boolean" || (typeof config === "string" && config !== "")) return;
  if (typeof config === "object" && config !== null && ("files" in config || "values" in config)) return;
  throw new SshError(
    "usage",
    "`config` must be a boolean, the path of a file, or what `loadConfig` or `resolveConfig` returned",
  );
}
