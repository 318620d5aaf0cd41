import { SshError } from "@nacre/wire";
import { throwIfAborted } from "../channel/call.ts";
import { exactAttributes } from "../local/attributes.ts";
import type { LocalStats, Sha256 } from "../local/local-files.ts";
import { type Sha256Maker, sha256Maker } from "../local/sha256.ts";
import { Deletion } from "./delete.ts";
import { HeldDirectories } from "./held-directories.ts";
import { Matches, splitPattern } from "./matches.ts";
import { FileMover } from "./move-files.ts";
import type { TransferOptions, TransferResult } from "./options.ts";
import { Progress } from "./progress.ts";
import { Resumption } from "./resume.ts";
import { MAX_REMEMBERED, TransferRun } from "./run.ts";
import { PLATFORM_CLOCK, type TransferClock } from "./sides/clock.ts";
import { forEach } from "./sides/slots.ts";
import { TokenBucket } from "./sides/token-bucket.ts";
import type { SourceFiles, SourceStats, SourceTree, TargetEntry, TargetFiles, TargetTree } from "./sides/trees.ts";
import { listTarget } from "./target-listing.ts";
import { Verification } from "./verify.ts";
import { type Directory, type Link, Walk } from "./walk.ts";

/** The call that a transfer belongs to. */
export interface TransferCall {
  /** Name of the call, for its errors. */
  readonly name: string;
  readonly options: TransferOptions;
  /** Returns whether SFTP has ended, so that no further file can be moved. */
  readonly isOver: () => boolean;
}

/** Platform functions and bounds of a transfer. */
export interface TransferPlatform {
  /** Maximum number of entries that a transfer remembers; see `MAX_REMEMBERED`. */
  readonly maxRemembered?: number | undefined;
  /** Time for the rate and the limit. */
  readonly clock?: TransferClock | undefined;
  /** SHA-256 of the local side; default one in JavaScript. */
  readonly sha256?: (() => Sha256) | undefined;
}

/**
 * One transfer of a file or a tree from one side to the other. The sides are interfaces. The walk finds files and starts them at once. When
 * all are moved, links are made, files compared, extra entries deleted, and the attributes of directories set.
 */
export class Transfer {
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #held: HeldDirectories;
  readonly #files: FilesTransfer;
  readonly #run: TransferRun;
  readonly #walk: Walk;
  readonly #deletion: Deletion;
  #links = 0;

  constructor(source: SourceTree, target: TargetTree, call: TransferCall, platform: TransferPlatform = {}) {
    const held = new HeldDirectories(target);
    const { partials } = target;
    const files = new FilesTransfer(source, target, call, platform, held, (run, makeHash) =>
      call.options.resume === true && partials !== undefined
        ? new Resumption(source, target, partials, run, makeHash)
        : undefined,
    );
    this.#source = source;
    this.#target = target;
    this.#held = held;
    this.#files = files;
    this.#run = files.run;
    this.#walk = new Walk(source, target, held, files.run, files.mover);
    this.#deletion = new Deletion(target, held, files.run);
  }

  /** Moves a file or directory. Settles when all of its requests have ended. */
  run(from: string, to: string): Promise<TransferResult> {
    return this.#settle(from, () => this.#root(from, to));
  }

  /** Moves the matches of a pattern into a directory. Settles when all of its requests have ended. */
  runMatches(pattern: string, to: string): Promise<TransferResult> {
    return this.#settle(pattern, () => this.#matches(pattern, to));
  }

  async #settle(from: string, start: () => Promise<void>): Promise<TransferResult> {
    try {
      await this.#files.settle(from, start, () => this.#finish());
    } finally {
      await this.#held.close();
    }
    return this.#files.result(this.#walk.madeDirectories, this.#links, this.#deletion.deleted);
  }

  async #root(from: string, to: string): Promise<void> {
    const { name, options } = this.#run;
    const stats = await this.#source.stat(from, this.#run.context(from));
    if (stats.type === "file") {
      await this.#file(from, to, stats);
    } else if (stats.type !== "directory") {
      throw new SshError("usage", `${name} "${this.#source.show(from)}": it is neither a file nor a directory`);
    } else if (options.recursive !== true) {
      throw new SshError("usage", `${name} "${this.#source.show(from)}": it is a directory; pass { recursive: true }`);
    } else {
      await this.#walk.directory(await this.#walk.root(from, to, stats));
    }
  }

  async #file(from: string, to: string, stats: SourceStats): Promise<void> {
    const { name, options } = this.#run;
    if (options.delete === true)
      throw new SshError("usage", `${name} "${this.#source.show(from)}": it is a file; \`delete\` needs a directory`);
    await this.#target.refuseSpecial?.(to, this.#run.context(to));
    const existing = options.update === undefined ? undefined : await this.#lstat(to);
    const partials = options.resume === true ? await this.#partialsOf(to) : [];
    const place = { directory: undefined, name: "", path: to };
    await this.#files.mover.start({ path: "", from, to: place, stats, isFollowed: true, existing, partials });
  }

  /** Returns the attributes of the target; `undefined` if it does not exist. */
  #lstat(to: string): Promise<LocalStats | undefined> {
    return this.#ifReadable(() => this.#target.lstat(to, this.#run.context(to)), undefined);
  }

  /** Returns the partial files of the target. Its directory may be one that cannot be listed. */
  #partialsOf(to: string): Promise<readonly TargetEntry[]> {
    const { directory, name } = this.#target.split(to);
    const context = this.#run.context(directory);
    return this.#ifReadable(async () => (await listTarget(this.#target, directory, context)).partialsOf(name), []);
  }

  async #ifReadable<T>(read: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (this.#run.hasFailed || !(error instanceof SshError)) throw error;
      return otherwise;
    }
  }

  async #matches(text: string, to: string): Promise<void> {
    const { directory, pattern } = splitPattern(text);
    const stats = await this.#source.stat(directory, this.#run.context(directory));
    const root = await this.#walk.root(directory, to, stats);
    await new Matches(this.#source, this.#target, this.#run, this.#walk, this.#files.mover).start(root, pattern);
  }

  async #finish(): Promise<void> {
    await this.#makeLinks(this.#walk.links);
    await this.#files.verification.finish();
    await this.#deletion.run(this.#walk.extras);
    await this.#setAttributes(this.#walk.directories);
  }

  /** Makes links when all files are written, so that no file is written through one of them. */
  async #makeLinks(links: readonly Link[]): Promise<void> {
    const run = this.#run;
    await forEach(links, ({ path, from, to }) =>
      run.attempt(path, async () => {
        const leadsTo = await this.#source.readlink(from, run.context(from));
        await this.#held.at(to, (place) => this.#target.symlink(leadsTo, place, run.context(to.path)));
        this.#links++;
      }),
    );
  }

  /** Sets the attributes of directories, the deepest first: a directory may become unreadable, and a new entry changes its time. */
  async #setAttributes(directories: readonly Directory[]): Promise<void> {
    const byDepth: Directory[][] = [];
    for (const directory of directories) (byDepth[directory.depth] ??= []).push(directory);
    for (const level of byDepth.toReversed())
      await forEach(level, ({ path, to, stats }) => {
        const exact = exactAttributes(stats);
        return this.#run.attempt(path, () =>
          this.#held.at(to, (place) =>
            this.#target.setAttributes(
              place,
              { exact, onUnsupported: (error) => void this.#run.leaveUnset(path, exact, error) },
              this.#run.context(to.path),
            ),
          ),
        );
      });
  }
}

/** The part of a transfer that moves files: those of a tree, the matches of a pattern, or a stream. */
export class FilesTransfer {
  readonly run: TransferRun;
  readonly progress: Progress;
  readonly verification: Verification;
  readonly mover: FileMover;
  readonly #source: SourceFiles;

  /** `held`: directories of the target. `makeResumption` makes the part that continues partial files, if they can be continued. */
  constructor(
    source: SourceFiles,
    target: TargetFiles,
    { options, name, isOver }: TransferCall,
    { maxRemembered = MAX_REMEMBERED, clock = PLATFORM_CLOCK, sha256 }: TransferPlatform = {},
    held: HeldDirectories = new HeldDirectories(),
    makeResumption?: (run: TransferRun, makeHash: Sha256Maker) => Resumption | undefined,
  ) {
    const run = new TransferRun({ options, name, isOver, maxRemembered });
    const progress = new Progress(options, clock);
    const makeHash = sha256Maker(sha256);
    const bucket = options.limit === undefined ? undefined : new TokenBucket(options.limit, clock);
    const verification = new Verification({ source, target, held, run, makeHash, bucket });
    const resumption = makeResumption?.(run, makeHash);
    this.#source = source;
    this.run = run;
    this.progress = progress;
    this.verification = verification;
    this.mover = new FileMover({ source, target, held, run, progress, verification, makeHash, bucket, resumption });
  }

  /** Starts files with `start`, waits for them, and calls `finish`. Settles when all of their requests have ended. */
  async settle(from: string, start: () => Promise<void>, finish: () => Promise<void>): Promise<void> {
    const { run } = this;
    const { signal } = run.options;
    const shownPath = this.#source.show(from);
    throwIfAborted({ call: run.name, path: from, shownPath, signal });
    const unwatch = run.watch(signal, from, shownPath);
    try {
      await start()
        .then(() => {
          if (!run.hasFailed) run.tell(() => this.progress.listed());
        })
        .catch((error: unknown) => run.end(error));
      await this.mover.settle();
      await finish();
    } finally {
      unwatch();
    }
    run.throwFailure();
  }

  /** Moves one file, and replaces what the target has. Rejects with `usage` if it is something else. */
  async file(from: string, to: string): Promise<TransferResult> {
    const start = async (): Promise<void> => {
      const stats = await this.#source.stat(from, this.run.context(from));
      if (stats.type !== "file")
        throw new SshError("usage", `${this.run.name} "${this.#source.show(from)}": it is not a file`);
      const place = { directory: undefined, name: "", path: to };
      await this.mover.start({
        path: "",
        from,
        to: place,
        stats,
        isFollowed: true,
        existing: undefined,
        partials: [],
        isOnce: true,
      });
    };
    await this.settle(from, start, () => this.verification.finish());
    return this.result(0, 0, []);
  }

  /** Returns the result of the transfer. */
  result(directories: number, links: number, deleted: readonly string[]): TransferResult {
    const { skipped, failed, unset } = this.run;
    const { files, bytes, unchanged, resumed } = this.mover;
    const { verified, unverified } = this.verification;
    return {
      files,
      directories,
      links,
      bytes,
      unchanged,
      resumed,
      verified,
      unverified,
      unset,
      deleted,
      skipped,
      failed,
    };
  }
}
