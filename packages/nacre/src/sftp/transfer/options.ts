import type { SshError } from "@nacre/wire";
import type { OptionNames } from "../../option-names.ts";
import { type CallOptions, SFTP_OPTIONS } from "../options.ts";
import type { NearFileType } from "./near-files.ts";

/** An entry of a directory that a transfer has found. */
export interface TransferEntry {
  /** Path below the directory that is transferred, with "/" between names. May contain any character: escape it before display. */
  readonly path: string;
  /** What it is; with `symlinks: "follow"`, what the link leads to. */
  readonly type: NearFileType;
  /** Size in bytes that the source stated; 0 if it stated none. */
  readonly size: number;
}

/** State of a transfer. */
export interface TransferProgress {
  /** Contents moved in bytes, also of files that are not whole yet. */
  readonly bytes: number;
  /** Number of files that are complete at the target. */
  readonly files: number;
  /** Size in bytes of all files found so far, as the source stated them. */
  readonly totalBytes: number;
  /** Number of files found so far. */
  readonly totalFiles: number;
  /** Whether everything has been found, so that the totals are final. */
  readonly isListed: boolean;
  /** Path of the file that made progress, relative to the transferred directory; "" if a single file is transferred. */
  readonly path: string;
}

/** Options of `upload` and `download`. */
export interface TransferOptions extends CallOptions {
  /** Whether to transfer a directory with everything in it; default false, a directory is an error. */
  readonly recursive?: boolean | undefined;
  /**
   * Maximum number of files moved concurrently, 1 to 128. Default: up to 128 files, or half of the server's limit, whose sizes add up to at most 64 MiB, or a single larger
   * file.
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
  /** Called whenever a part of a file has moved or a file is whole. An exception ends the transfer. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** Whether the first error ends the transfer, or only concerns its file; default `"abort"`. The end of SFTP ends it always. */
  readonly onError?: "abort" | "skip" | undefined;
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

/** What a transfer moved, left out, and failed to move. */
export interface TransferResult {
  /** Number of files moved. */
  readonly files: number;
  /** Number of directories made or found at the target. */
  readonly directories: number;
  /** Number of symbolic links made. */
  readonly links: number;
  /** Contents of the moved files in bytes. */
  readonly bytes: number;
  /** Entries left out. */
  readonly skipped: readonly SkippedEntry[];
  /** Entries that failed; always empty without `onError: "skip"`. */
  readonly failed: readonly FailedEntry[];
}

/** Names of the options of `upload` and `download`. */
export const TRANSFER_OPTIONS: OptionNames<TransferOptions> = {
  ...SFTP_OPTIONS.call,
  recursive: true,
  concurrency: true,
  preserve: true,
  filter: true,
  symlinks: true,
  onProgress: true,
  onError: true,
};
