import type { SshError } from "@nacre/wire";
import type { OptionNames } from "nacre/extend";
import type { LocalFileType } from "../local/local-files.ts";
import { type CallOptions, SFTP_OPTIONS } from "../remote/options.ts";

/** An entry of a directory that a transfer has found. */
export interface TransferEntry {
  /** Path below the directory that is transferred, with "/" between names. May contain any character: escape it before display. */
  readonly path: string;
  /** What it is; with `symlinks: "follow"`, what the link leads to. */
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
}

/** State of a transfer. */
export interface TransferProgress {
  /** Contents at the target in bytes, also of files that are not whole yet, and of the resumed parts of files. */
  readonly bytes: number;
  /** Size in bytes of all files to move, as the source stated them; `undefined` until everything has been found. */
  readonly totalBytes: number | undefined;
  /** Number of files that are complete at the target. */
  readonly files: number;
  /** Number of files to move; `undefined` until everything has been found. */
  readonly totalFiles: number | undefined;
  /** Bytes moved in a second, averaged over the last seconds; 0 before the first half second has passed. */
  readonly bytesPerSecond: number;
  /** Time in seconds for the rest at this rate; `undefined` while the rest or the rate is unknown. */
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
   * files are moved concurrently if their sizes would exceed 64 MiB in total; a larger file is moved alone. Always 1 on a server that allows
   * fewer than four open files, or has given two the same handle.
   */
  readonly concurrency?: number | undefined;
  /**
   * Whether files and directories get the times and all permission bits of their sources; default false. Times are whole seconds.
   * Set-user-ID, set-group-ID and sticky bits are never set.
   */
  readonly preserve?: boolean | undefined;
  /** Decides what to transfer in a directory. Nothing below a directory is looked at if this is false for it. */
  readonly filter?: ((entry: TransferEntry) => boolean | Promise<boolean>) | undefined;
  /**
   * What to do with symbolic links in a directory. `"keep"` makes the same links at the target, after everything else; `"follow"`
   * transfers what they lead to; `"skip"` leaves them out. Default `"keep"` for uploads. Default `"skip"` for downloads: a link that a
   * server chose may lead anywhere on this machine.
   */
  readonly symlinks?: "keep" | "follow" | "skip" | undefined;
  /**
   * Whether the target may be a symbolic link to a directory; default true. Pass false for a path that a user did not choose whole,
   * such as a directory of the user and in it a name from the server: an earlier transfer may have made a link there. The link is then an
   * error, as it is everywhere below the target.
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
  /** Maximum number of bytes moved in a second, for all files together, at least 1024; default unlimited. */
  readonly limit?: number | undefined;
  /**
   * Whether to keep the part of a file that a failure leaves, and to continue such a part; default false. A part is a file
   * `.NAME.nacre-RANDOM-SIZE-MTIME` beside the target, with the size and time of the source in its name. It is continued only if the source
   * still has both, and the part is a regular file of the same user with one link. Its contents are compared with the source by their
   * SHA-256 digests where the server can compute them; otherwise the file is among `unverified` in the result, unless `verify`
   * compares the whole file. A part whose digest differs is removed. Files shorter than 32 KiB, names longer than 200 bytes, and sources
   * without a time leave no part.
   */
  readonly resume?: boolean | undefined;
  /**
   * How files are compared after the transfer. `"size"`: source and target are asked for their sizes again, which must be the number of
   * bytes moved. `"sha256"`: the server digests its files by the command `xargs -0 sha256sum -z --`, with their names on its input. Files for
   * which it gives no digest are read from it again over SFTP, within `limit`. The digests must be those of the bytes moved. A file that
   * differs fails with `sftp-failure`, and one that cannot be read again with the server's error; it stays at the target. Default: not
   * compared.
   */
  readonly verify?: "size" | "sha256" | undefined;
  /**
   * `"size-mtime"` leaves out files that the target has with the same size and the same time of change in whole seconds. Files that are moved
   * get the times of their sources, even without `preserve`, so that the next transfer recognizes them. Default: every file is moved.
   */
  readonly update?: "size-mtime" | undefined;
  /**
   * Whether to remove what the target directory has and the source has not; default false. Needs `recursive` and a directory as the source.
   * Removes at the end, and only if nothing failed. Entries that the source has are kept, even if `filter` or `symlinks` leaves them out.
   * Links are removed, never followed.
   */
  readonly delete?: boolean | undefined;
  /** Called whenever a part of a file has moved or a file is whole. An exception ends the transfer. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** Called when a file is whole at the target, before `verify` compares digests. An exception ends the transfer. */
  readonly onFile?: ((file: TransferredFile) => void) | undefined;
  /** Whether the first error ends the transfer, or only concerns its file; default `"abort"`. The end of SFTP ends it always. */
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
  /** Why: `filter` was false, `symlinks` is `"skip"`, or it is a device, pipe or socket. */
  readonly reason: "filter" | "link" | "special";
}

/** An entry that a transfer could not move. */
export interface FailedEntry {
  /** Path below the directory that is transferred; "" for the directory or file itself. */
  readonly path: string;
  /** What failed. */
  readonly error: SshError;
}

/** A file that was continued from a part. */
export interface ResumedEntry {
  /** Path below the directory that is transferred; "" for the file itself. */
  readonly path: string;
  /** Length in bytes of the part that was there. */
  readonly bytes: number;
}

/** A file that was continued from a part that could not be compared with its source. */
export interface UnverifiedEntry {
  /** Path below the directory that is transferred; "" for the file itself. */
  readonly path: string;
  /** Why, for people. May contain text from the server, escaped. */
  readonly reason: string;
}

/** What a transfer moved, left out, and failed to move. */
export interface TransferResult {
  /** Number of files moved. */
  readonly files: number;
  /** Number of directories made or found at the target. */
  readonly directories: number;
  /** Number of symbolic links made. */
  readonly links: number;
  /** Contents moved in bytes, without the parts that `resumed` files had. */
  readonly bytes: number;
  /** Number of files that the target had already (`update`). */
  readonly unchanged: number;
  /** Files that were continued (`resume`). */
  readonly resumed: readonly ResumedEntry[];
  /** Number of files that were compared and are the same (`verify`). */
  readonly verified: number;
  /** Files that were continued without a comparison (`resume` without `verify`). */
  readonly unverified: readonly UnverifiedEntry[];
  /** Paths removed at the target, without the entries of removed directories (`delete`). */
  readonly deleted: readonly string[];
  /** Entries left out. */
  readonly skipped: readonly SkippedEntry[];
  /** Entries that failed; always empty without `onError: "skip"`. */
  readonly failed: readonly FailedEntry[];
}

/** Names of the options of transfers. */
export const TRANSFER_OPTIONS: OptionNames<TransferOptions> = {
  ...SFTP_OPTIONS.call,
  recursive: "boolean",
  concurrency: true,
  preserve: "boolean",
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

export const UPLOAD_OPTIONS: OptionNames<UploadOptions> = { ...TRANSFER_OPTIONS, parents: "boolean" };
