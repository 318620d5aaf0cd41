import { rejectingWithSshError } from "../net/failure.ts";
import type { Config, LoadConfigOptions, ResolveConfigOptions, ResolvedConfig } from "./options.ts";

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
