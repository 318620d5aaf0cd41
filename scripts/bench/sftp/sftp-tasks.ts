/** Tasks of the case `sftp` for child processes, and their results. */
import type { Suite, Target } from "../tasks.ts";

/** What a client does with files. */
export interface FileAction {
  /** One file, all files of a folder without subfolders, or the names in a folder. */
  readonly type: "get" | "put" | "get-all" | "put-all" | "list";
  /** Path at the server. */
  readonly remote: string;
  /** Path here. Not used by `list`. */
  readonly local: string;
}

export interface FilesTask {
  readonly kind: "files";
  readonly target: Target;
  readonly suite: Suite;
  /** Done first and not timed. Without it, the process is new, and its memory is that of an idle connection. */
  readonly warmUp: FileAction | undefined;
  readonly action: FileAction;
}

export interface FilesResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Resident memory before the action, in MiB; `undefined` for a command, which is measured as a whole process. */
  readonly idleMiB: number | undefined;
  /** Peak resident memory of the whole process, in MiB. */
  readonly peakMiB: number;
  /** Number of names that `list` returned, without "." and "..". */
  readonly names: number | undefined;
}
