import { checkOptions, checkSignal, type OptionRows, usage } from "nacre/extend";
import { type CallOptions, SFTP_OPTIONS } from "../channel/options.ts";
import type { TransferEntry, TransferOptions } from "../transfer/options.ts";

/** Options of `uploadScp` and `downloadScp`: those of `upload` and `download` that scp supports. */
export interface ScpOptions extends CallOptions {
  /** Whether to transfer a directory with everything in it; default false, a directory is an error. */
  readonly recursive?: boolean | undefined;
  /**
   * Whether files and directories get the times and all permission bits of their sources; default false. Times are whole seconds.
   * Set-user-ID, set-group-ID and sticky bits are never set.
   */
  readonly preserve?: boolean | undefined;
  /** Decides what to transfer in a directory. If it returns false for a directory, its contents are left out, too. */
  readonly filter?: ((entry: TransferEntry) => boolean | Promise<boolean>) | undefined;
  /**
   * What an upload does with symbolic links in a directory: `"skip"`, the default, leaves them out; `"follow"` transfers what they lead to.
   * A download allows only `"follow"`: scp on a server always follows links, and a client cannot see them.
   */
  readonly symlinks?: "follow" | "skip" | undefined;
  /**
   * Whether the target of a download may be a symbolic link to a directory; default true. Pass false for a path that a user did not choose;
   * see `TransferOptions`. An upload refuses false: the server follows its links.
   */
  readonly followTarget?: boolean | undefined;
  /** Maximum number of files to move; default 10,000,000. One more ends the transfer with `output-limit`, regardless of `onError`. */
  readonly maxFiles?: number | undefined;
  /** Called whenever a part of a file has moved or a file is complete. An exception ends the transfer. */
  readonly onProgress?: TransferOptions["onProgress"];
  /** Called when a file is complete at the target. An exception ends the transfer. */
  readonly onFile?: TransferOptions["onFile"];
  /** Whether the first error ends the transfer, or only concerns its file; default `"abort"`. If scp ends, the transfer always ends. */
  readonly onError?: "abort" | "skip" | undefined;
}

const OPTIONS: OptionRows<ScpOptions> = {
  ...SFTP_OPTIONS.call,
  recursive: "boolean",
  preserve: "boolean",
  filter: true,
  symlinks: true,
  followTarget: "boolean",
  maxFiles: true,
  onProgress: true,
  onFile: true,
  onError: true,
};

/** Options of transfers that need SFTP. `concurrency` may be 1: scp moves one file after another. */
const SFTP_ONLY = ["resume", "verify", "update", "delete", "flush", "limit", "concurrency", "maxGrowth", "parents"];

/** Throws `usage` for options that are invalid, or that scp does not support. `callee` is the name of the function, in backquotes. */
export function checkScpOptions(options: ScpOptions, callee: string, links: readonly string[]): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of SFTP_ONLY)
    if (given[name] !== undefined && given[name] !== false)
      throw usage(`${callee}: scp has no \`${name}\`; leave it out, or transfer with SFTP`);
  const { symlinks, onError, filter, onProgress, onFile, maxFiles, signal } = options;
  if (symlinks !== undefined && !links.includes(symlinks))
    throw usage(
      `${callee}: \`symlinks\` of scp must be ${links.join(" or ")}, got ${symlinks}; SFTP has other choices`,
    );
  checkOptions(
    Object.fromEntries(Object.entries(given).filter(([name]) => !SFTP_ONLY.includes(name))),
    OPTIONS,
    callee,
  );
  checkSignal(signal);
  for (const [name, value] of Object.entries({ filter, onProgress, onFile }))
    if (value !== undefined && typeof value !== "function") throw usage(`\`${name}\` must be a function`);
  if (maxFiles !== undefined && !(Number.isSafeInteger(maxFiles) && maxFiles >= 0))
    throw usage(`\`maxFiles\` must be a non-negative integer, got ${String(maxFiles)}`);
  if (onError !== undefined && onError !== "abort" && onError !== "skip")
    throw usage(`\`onError\` must be one of abort, skip, got ${String(onError)}`);
}
