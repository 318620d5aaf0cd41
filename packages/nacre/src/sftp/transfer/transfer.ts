import { escapeText, SshError } from "@nacre/wire";
import { throwIfAborted } from "../call.ts";
import { makeLinks, setDirectoryAttributes } from "./finish.ts";
import { FileMover } from "./move-files.ts";
import type { TransferOptions, TransferResult } from "./options.ts";
import { Progress } from "./progress.ts";
import { MAX_REMEMBERED, TransferRun } from "./run.ts";
import type { SourceTree, TargetTree } from "./trees.ts";
import { Walk } from "./walk.ts";

/** One transfer from one side to the other. Neither side is known here. */
export class Transfer {
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #run: TransferRun;
  readonly #progress: Progress;
  readonly #mover: FileMover;
  readonly #walk: Walk;

  /** `isOver` returns whether SFTP has ended, so that no further file can be moved. `name` is that of the call, for its errors. */
  constructor(
    source: SourceTree,
    target: TargetTree,
    options: TransferOptions,
    name: string,
    isOver: () => boolean,
    maxRemembered: number = MAX_REMEMBERED,
  ) {
    this.#source = source;
    this.#target = target;
    this.#run = new TransferRun({ options, name, isOver, maxRemembered });
    this.#progress = new Progress(options.onProgress);
    this.#mover = new FileMover(source, target, this.#run, this.#progress);
    this.#walk = new Walk(source, target, this.#run, this.#mover);
  }

  /** Moves a file or directory. Settles when nothing is under way any more. */
  async run(from: string, to: string): Promise<TransferResult> {
    const run = this.#run;
    const { signal } = run.options;
    throwIfAborted({ call: run.name, path: from, signal });
    const unwatch = run.watch(signal, from);
    let links = 0;
    try {
      await this.#root(from, to).catch((error: unknown) => run.end(error));
      await this.#mover.settle();
      links = await makeLinks(this.#source, this.#target, run, this.#walk.links);
      await setDirectoryAttributes(this.#target, run, this.#walk.directories);
    } finally {
      unwatch();
    }
    run.throwFailure();
    return {
      files: this.#mover.files,
      directories: this.#walk.madeDirectories,
      links,
      bytes: this.#mover.bytes,
      skipped: run.skipped,
      failed: run.failed,
    };
  }

  async #root(from: string, to: string): Promise<void> {
    const { name, options } = this.#run;
    const stats = await this.#source.stat(from, this.#run.context(from));
    if (stats.type === "file") {
      await this.#mover.start({ path: "", from, to, stats, isFollowed: true });
    } else if (stats.type !== "directory") {
      throw new SshError("usage", `${name} "${escapeText(from)}": it is neither a file nor a directory`);
    } else if (options.recursive !== true) {
      throw new SshError("usage", `${name} "${escapeText(from)}": it is a directory; pass { recursive: true }`);
    } else {
      await this.#walk.directory(from, to, stats);
    }
    this.#progress.listed();
  }
}
