import type { TransferOptions, TransferProgress, TransferResult, TransferredFile } from "@nacre/files";
import type { Reconnection } from "nacre/extend";

/** Losses without progress in between after which a transfer fails. */
const MAX_IDLE_LOSSES = 3;

/** Maximum number of complete files that are remembered. Further ones are moved again after a loss. */
const MAX_REMEMBERED = 2 ** 20;

/** Options that this file adds to. */
type Options = Pick<TransferOptions, "filter" | "verify" | "signal" | "onFile" | "onProgress">;

/**
 * Does a transfer with `resume`, and again after each loss of a connection that it uses. Leaves out files that are complete, unless
 * `verify` compares all contents in the end. Rejects as `transfer` does; with `connection-lost` after three losses without progress.
 */
export function transferAgain(
  connections: readonly Reconnection[],
  options: Options,
  transfer: (options: Options) => Promise<TransferResult>,
): Promise<TransferResult> {
  const progress = new ProgressOfAll(options);
  const start = (): Promise<TransferResult> => progress.run(transfer);
  const repeating = connections.reduce(
    (work, connection) => () => connection.repeat(work, () => progress.mayRepeat(), options.signal),
    start,
  );
  return repeating();
}

/** Progress over all runs of one transfer. */
class ProgressOfAll {
  readonly #options: Options;
  /** Paths of complete files. */
  readonly #done = new Set<string>();
  /** The lists of the result that name them. */
  readonly #notes: Notes = { resumed: [], unverified: [], unset: [] };
  /** Sum of their sizes in bytes. */
  #doneBytes = 0;
  /** Most bytes that were at the target. */
  #furthest = 0;
  #furthestAtLoss = 0;
  #idleLosses = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Counts a loss. Returns whether the transfer may go on. */
  mayRepeat(): boolean {
    this.#idleLosses = this.#furthest > this.#furthestAtLoss ? 0 : this.#idleLosses + 1;
    this.#furthestAtLoss = this.#furthest;
    // rule: reconnect-idle-transfer
    return this.#idleLosses < MAX_IDLE_LOSSES;
  }

  async run(transfer: (options: Options) => Promise<TransferResult>): Promise<TransferResult> {
    const { filter, verify, onFile, onProgress } = this.#options;
    // Files of an earlier run, which this one does not move.
    const before = verify === undefined ? new Set(this.#done) : new Set<string>();
    const bytesBefore = verify === undefined ? this.#doneBytes : 0;
    const { resumed, unverified, unset } = verify === undefined ? copyOf(this.#notes) : NO_NOTES;
    const result = await transfer({
      ...this.#options,
      ...((filter !== undefined || before.size > 0) && {
        filter: (entry) => !before.has(entry.path) && (filter === undefined || filter(entry)),
      }),
      onFile: (file) => {
        if (this.#done.size < MAX_REMEMBERED && !this.#done.has(file.path)) {
          this.#done.add(file.path);
          this.#doneBytes += file.size;
          this.#note(file);
        }
        onFile?.(file);
      },
      onProgress: (given) => {
        const progress = withEarlier(given, before.size, bytesBefore);
        this.#furthest = Math.max(this.#furthest, progress.bytes);
        onProgress?.(progress);
      },
    });
    return {
      ...result,
      files: result.files + before.size,
      bytes: result.bytes + bytesBefore,
      resumed: [...resumed, ...result.resumed],
      unverified: [...unverified, ...result.unverified],
      unset: [...unset, ...result.unset],
      skipped: result.skipped.filter(({ path }) => !before.has(path)),
    };
  }

  #note({ path, resumed, unverified, unset }: TransferredFile): void {
    if (resumed !== undefined) this.#notes.resumed.push({ path, bytes: resumed });
    if (unverified !== undefined) this.#notes.unverified.push({ path, reason: unverified });
    if (unset !== undefined) this.#notes.unset.push(unset);
  }
}

/** Lists of a result with entries for files. */
interface Notes {
  readonly resumed: TransferResult["resumed"][number][];
  readonly unverified: TransferResult["unverified"][number][];
  readonly unset: TransferResult["unset"][number][];
}

const NO_NOTES: Notes = { resumed: [], unverified: [], unset: [] };

function copyOf({ resumed, unverified, unset }: Notes): Notes {
  return { resumed: [...resumed], unverified: [...unverified], unset: [...unset] };
}

function withEarlier(progress: TransferProgress, files: number, bytes: number): TransferProgress {
  const { totalBytes, totalFiles } = progress;
  return {
    ...progress,
    bytes: progress.bytes + bytes,
    totalBytes: totalBytes === undefined ? undefined : totalBytes + bytes,
    files: progress.files + files,
    totalFiles: totalFiles === undefined ? undefined : totalFiles + files,
  };
}
