import { SshError } from "@nacre/wire";
import { checkOptions, checkSignal, type OptionRows, usage } from "nacre/extend";
import { type CallOptions, SFTP_OPTIONS } from "../channel/options.ts";
import type { LocalFileType } from "../local/local-files.ts";
import { MOST_FILES } from "./sides/slots.ts";

/** An entry of a directory that a transfer has found. */
export interface TransferEntry {
  /** Path below the directory that is transferred, with "/" between names. May contain any character: escape it before display. */
  readonly path: string;
  /** Type; with `symlinks: "follow"`, the type of the link's target. */
  readonly type: LocalFileType;
  /** Size in bytes that the source stated; 0 if it stated none. */
  readonly size: number;
}

/** A file that a transfer has moved. */
export interface TransferredFile {
  /** Path below the directory that is transferred; "" if a single file is. May contain any character: escape it before display. */
  readonly path: string;
  /** Size in bytes at the target. */
  readonly size: number;
  /** Length in bytes of the partial file that it was continued from, as in `resumed` of the result; `undefined` without one. */
  readonly resumed?: number | undefined;
  /** Why that partial file could not be compared with the source, as in `unverified` of the result. */
  readonly unverified?: string | undefined;
  /** Attributes that the file lacks, as in `unset` of the result. */
  readonly unset?: UnsetEntry | undefined;
}

/** State of a transfer. */
export interface TransferProgress {
  /** Contents at the target in bytes, including partial files and the resumed parts of files. */
  readonly bytes: number;
  /** Total size in bytes of all files to move, as stated by the source; `undefined` until all files have been found. */
  readonly totalBytes: number | undefined;
  /** Number of files that are complete at the target. */
  readonly files: number;
  /** Number of files to move; `undefined` until all have been found. */
  readonly totalFiles: number | undefined;
  /** Bytes moved per second, averaged over the last five seconds; 0 in the first half second. */
  readonly bytesPerSecond: number;
  /** Time in seconds for the remaining bytes at this rate; `undefined` while either is unknown. */
  readonly secondsLeft: number | undefined;
  /** Path of the file that made progress, relative to the transferred directory; "" if a single file is transferred. */
  readonly path: string;
}

/** Options of `upload`, `download` and `copy`. */
export interface TransferOptions extends CallOptions {
  /** Whether to transfer a directory with everything in it; default false, a directory is an error. */
  readonly recursive?: boolean | undefined;
  /**
   * Maximum number of files moved concurrently, 1 to 128. Default: the smaller of 128 and half of the server's limit of open files. Fewer
   * files are moved concurrently if their sizes would exceed 64 MiB in total; a larger file is moved alone. Always 1 on a server that
   * allows fewer than four open files, or has given two the same handle.
   */
  readonly concurrency?: number | undefined;
  /**
   * Whether files and directories get the times and all permission bits of their sources; default false. Times are whole seconds.
   * Set-user-ID, set-group-ID and sticky bits are never set.
   */
  readonly preserve?: boolean | undefined;
  /** Returns whether to transfer an entry of a directory. If it returns false for a directory, its contents are left out, too. */
  readonly filter?: ((entry: TransferEntry) => boolean | Promise<boolean>) | undefined;
  /**
   * What to do with symbolic links in a directory. `"keep"` makes the same links at the target, after everything else; `"follow"`
   * transfers their targets; `"skip"` leaves them out. Default `"keep"` for uploads. Default `"skip"` for downloads: a link that a
   * server chose may lead anywhere on this machine.
   */
  readonly symlinks?: "keep" | "follow" | "skip" | undefined;
  /**
   * Whether the target may be a symbolic link to a directory; default true. Pass false for a path that the user did not
   * choose entirely, such as a name from the server in a directory of the user, because an earlier transfer may have made a link there. The
   * link is then an error, as it is everywhere below the target.
   */
  readonly followTarget?: boolean | undefined;
  /**
   * Maximum number of files, with those that `update` finds unchanged; default 10,000,000. One more ends the transfer with `output-limit`,
   * regardless of `onError`. With `verify: "sha256"`, the maximum is at most 1,048,576.
   */
  readonly maxFiles?: number | undefined;
  /**
   * Maximum number of bytes that a file may have beyond the size that its source stated; default 1 GiB. A longer one fails with
   * `output-limit`. Streams state no size and have no maximum.
   */
  readonly maxGrowth?: number | undefined;
  /**
   * Whether each file is stored durably before it gets its name; default false. An upload or `copy` then rejects with `sftp-unsupported`
   * if the server lacks fsync@openssh.com. Without effect if a function takes the contents.
   */
  readonly flush?: boolean | undefined;
  /** Maximum number of bytes moved per second, for all files together, at least 1024; default unlimited. */
  readonly limit?: number | undefined;
  /**
   * Whether to keep a partial file after a failure, and to continue a partial file of an earlier transfer; default false. It is named
   * `.NAME.nacre-RANDOM-SIZE-MTIME` and is beside the target. Its name has the size and time of the source. It is continued only if the
   * source still has both, and if it is a regular file of the same user with one link. Its contents are compared with the source by
   * SHA-256 if the server can compute digests; otherwise the file is listed in `unverified`, unless `verify` compares the whole file. A
   * partial file with another digest is removed. Files shorter than 32 KiB, names longer than 200 bytes, and sources without a time leave
   * no partial file.
   */
  readonly resume?: boolean | undefined;
  /**
   * How files are compared after the transfer. `"size"`: asks both sides for the sizes again, which must equal the number of
   * bytes moved. `"sha256"`: the server digests its files by the command `xargs -0 sha256sum -z --`, with their names on its input. Files
   * without a digest are read again over SFTP, within `limit`. The digests must equal those of the bytes moved. A file that
   * differs fails with `sftp-failure`, and one that cannot be read again with the server's error; it stays at the target. Default: not
   * compared.
   */
  readonly verify?: "size" | "sha256" | undefined;
  /**
   * `"size-mtime"` leaves out files that the target already has with the same size and modification time in whole seconds. Moved files
   * get the times of their sources even without `preserve`, so that the next transfer recognizes them. Default: every file is moved.
   */
  readonly update?: "size-mtime" | undefined;
  /**
   * Whether to remove entries of the target directory that the source lacks; default false. Needs `recursive` and a directory as the
   * source. They are removed at the end, and only if nothing failed. Entries that the source has are kept, even if `filter` or `symlinks`
   * leaves them out. Links are removed, never followed.
   */
  readonly delete?: boolean | undefined;
  /** Called whenever a part of a file has moved or a file is complete. An exception ends the transfer. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** Called when a file is complete at the target, before `verify` compares digests. An exception ends the transfer. */
  readonly onFile?: ((file: TransferredFile) => void) | undefined;
  /** Whether the first error ends the transfer, or only concerns its file; default `"abort"`. If SFTP ends, the transfer always ends. */
  readonly onError?: "abort" | "skip" | undefined;
}

/** Options of `upload`. */
export interface UploadOptions extends TransferOptions {
  /**
   * Whether to make missing parent directories of the target, also if the upload then fails; default false, a missing parent is an error.
   */
  readonly parents?: boolean | undefined;
}

/** An entry that a transfer left out. */
export interface SkippedEntry {
  /** Path below the directory that is transferred. */
  readonly path: string;
  /** Reason: `filter` returned false, `symlinks` is `"skip"`, or the entry is a device, pipe or socket. */
  readonly reason: "filter" | "link" | "special";
}

/** An entry that a transfer could not move. */
export interface FailedEntry {
  /** Path below the directory that is transferred; "" for the directory or file itself. */
  readonly path: string;
  /** Why it failed. */
  readonly error: SshError;
}

/** A file that was continued from a partial file. */
export interface ResumedEntry {
  /** Path below the directory that is transferred; "" for the file itself. */
  readonly path: string;
  /** Length of the partial file in bytes. */
  readonly bytes: number;
}

/** A file that was continued from a partial file that could not be compared with the source. */
export interface UnverifiedEntry {
  /** Path below the directory that is transferred; "" for the file itself. */
  readonly path: string;
  /** Why, for people. May contain text from the server, escaped. */
  readonly reason: string;
}

/** A file or directory that was moved without attributes that it should have. */
export interface UnsetEntry {
  /** Path below the directory that is transferred; "" for the file or directory itself. */
  readonly path: string;
  /** Missing attributes: permission bits, times, or both. */
  readonly attributes: readonly ("mode" | "times")[];
  /** Answer of the server. */
  readonly error: SshError;
}

/** Result of a transfer: what was moved, left out, and failed. */
export interface TransferResult {
  /** Number of files moved. */
  readonly files: number;
  /** Number of directories made or found at the target. */
  readonly directories: number;
  /** Number of symbolic links made. */
  readonly links: number;
  /** Contents moved in bytes, without the partial files of `resumed`. */
  readonly bytes: number;
  /** Number of files that the target already had (`update`). */
  readonly unchanged: number;
  /** Files that were continued (`resume`). */
  readonly resumed: readonly ResumedEntry[];
  /** Number of files that `verify` compared without a difference. */
  readonly verified: number;
  /** Files that were continued without a comparison (`resume` without `verify`). */
  readonly unverified: readonly UnverifiedEntry[];
  /**
   * Files and directories that were moved without attributes of their sources, because the server cannot set them (`preserve`, `update`).
   */
  readonly unset: readonly UnsetEntry[];
  /** Paths removed at the target, without the entries of removed directories (`delete`). */
  readonly deleted: readonly string[];
  /** Entries left out. */
  readonly skipped: readonly SkippedEntry[];
  /** Entries that failed; always empty without `onError: "skip"`. */
  readonly failed: readonly FailedEntry[];
}

/** Names of the options of transfers. */
export const TRANSFER_OPTIONS: OptionRows<TransferOptions> = {
  ...SFTP_OPTIONS.call,
  recursive: "boolean",
  concurrency: true,
  preserve: "boolean",
  flush: "boolean",
  filter: true,
  symlinks: true,
  followTarget: "boolean",
  maxFiles: true,
  maxGrowth: true,
  limit: true,
  resume: "boolean",
  verify: true,
  update: true,
  delete: "boolean",
  onProgress: true,
  onFile: true,
  onError: true,
};

/** Names of the options of `upload`. */
export const UPLOAD_OPTIONS: OptionRows<UploadOptions> = { ...TRANSFER_OPTIONS, parents: "boolean" };

const CHOICES = {
  symlinks: ["keep", "follow", "skip"],
  onError: ["abort", "skip"],
  verify: ["size", "sha256"],
  update: ["size-mtime"],
} as const;

/** Options that need a source and a target with names and attributes. */
const NEED_FILES = ["recursive", "preserve", "resume", "update", "delete"] as const;

/** Minimum of `limit` in bytes per second. */
const LEAST_LIMIT = 1024;

/** Throws `usage` for invalid options, and for options that cannot be combined with each other or with this kind of source and target. */
export function checkTransferOptions(
  options: TransferOptions,
  callee: string,
  kind: "path" | "pattern" | "stream",
  rows: object = TRANSFER_OPTIONS,
): void {
  checkOptions(options, rows, callee);
  checkSignal(options.signal);
  checkNumbers(options);
  const { filter, onProgress, onFile } = options;
  for (const [name, value] of Object.entries({ filter, onProgress, onFile }))
    if (value !== undefined && typeof value !== "function") throw usage(`\`${name}\` must be a function`);
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value: unknown = options[name as keyof typeof CHOICES];
    if (value !== undefined && !(choices as readonly unknown[]).includes(value))
      throw usage(
        `\`${name}\` must be one of ${choices.join(", ")}, got ${typeof value === "string" ? value : typeof value}`,
      );
  }
  const needed =
    kind === "stream" ? NEED_FILES.find((name) => options[name] !== undefined && options[name] !== false) : undefined;
  if (needed !== undefined) throw usage(`\`${needed}\` needs files on both sides, and one side is a stream`);
  if (options.delete !== true) return;
  if (kind === "pattern") throw usage("`delete` needs a directory: a pattern does not list all entries of the source");
  if (options.recursive !== true) throw usage("`delete` needs `recursive`: it compares directories");
}

function checkNumbers({ concurrency, limit, maxFiles, maxGrowth }: TransferOptions): void {
  for (const [name, value] of Object.entries({ maxFiles, maxGrowth }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw usage(`\`${name}\` must be a non-negative integer, got ${String(value)}`);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MOST_FILES))
    throw usage(`\`concurrency\` must be an integer from 1 to ${MOST_FILES}, got ${String(concurrency)}`);
  if (limit !== undefined && !(Number.isFinite(limit) && limit >= LEAST_LIMIT))
    throw usage(`\`limit\` must be a number of bytes per second, at least ${LEAST_LIMIT}, got ${String(limit)}`);
}

/** Default of `maxFiles`. A hostile server may list or send any number of files. */
export const DEFAULT_MAX_FILES = 10_000_000;

/** Returns the error that ends a transfer of more files. */
export function tooManyFiles(maxFiles: number): SshError {
  return new SshError(
    "output-limit",
    `the transfer has more than ${maxFiles} files; pass a larger \`maxFiles\`, or transfer it in parts`,
  );
}
