import { exactAttributes, permissions } from "./attributes.ts";
import type { NearStats } from "./near-files.ts";
import type { Progress } from "./progress.ts";
import type { TransferRun } from "./run.ts";
import { Slots } from "./slots.ts";
import { SHORT_LENGTH, type SourceTree, type TargetTree } from "./trees.ts";

/** A file to move. */
export interface FileToMove {
  /** Path below the root. */
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly stats: NearStats;
  /** Whether `from` may be a symbolic link. */
  readonly isFollowed: boolean;
}

/** Moves files, many at the same time. */
export class FileMover {
  /** Number of files moved. */
  files = 0;
  /** Contents of the files moved, in bytes. */
  bytes = 0;
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #run: TransferRun;
  readonly #progress: Progress;
  readonly #slots: Slots;
  /** Files under way. */
  readonly #moving = new Set<Promise<void>>();

  constructor(source: SourceTree, target: TargetTree, run: TransferRun, progress: Progress) {
    this.#source = source;
    this.#target = target;
    this.#run = run;
    this.#progress = progress;
    this.#slots = new Slots(run.options.concurrency, () => Math.min(source.mostFiles, target.mostFiles));
  }

  /** Starts to move a file when there is a place for it. */
  async start(file: FileToMove): Promise<void> {
    const { path, stats } = file;
    this.#progress.found(stats.size);
    const release = await this.#slots.take(stats.size);
    const moving = this.#run
      .attempt(path, () => this.#move(file))
      .then(() => {
        release();
        this.#moving.delete(moving);
      });
    this.#moving.add(moving);
  }

  /** Resolves when no file is under way. */
  async settle(): Promise<void> {
    while (this.#moving.size > 0) await Promise.race(this.#moving);
  }

  async #move({ path, from, to, stats, isFollowed }: FileToMove): Promise<void> {
    const run = this.#run;
    const { size } = stats;
    const context = run.context(from);
    const short = size <= SHORT_LENGTH ? await this.#source.readShort(from, size, isFollowed, context) : undefined;
    let length = short?.length ?? 0;
    const count = (chunk: number): void => {
      length += chunk;
      run.tell(() => this.#progress.moved(path, chunk));
    };
    const attributes = {
      mode: permissions(stats),
      exact: run.options.preserve === true ? exactAttributes(stats) : undefined,
    };
    const data = short ?? counted(this.#source.read(from, size, isFollowed, context), count);
    await this.#target.write(to, data, attributes, run.context(to));
    this.files++;
    this.bytes += length;
    run.tell(() => this.#progress.finished(path, short?.length));
  }
}

/** Passes chunks on, and calls `count` when one has been taken. */
async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  count: (length: number) => void,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    const { length } = chunk;
    yield chunk;
    count(length);
  }
}
