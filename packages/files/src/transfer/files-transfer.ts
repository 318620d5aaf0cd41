import { escapeText, SshError } from "@nacre/wire";
import type { Sha256 } from "../local/local-files.ts";
import { type Sha256Maker, sha256Maker } from "../local/sha256.ts";
import { throwIfAborted } from "../remote/call.ts";
import { PLATFORM_CLOCK, type TransferClock } from "./clock.ts";
import type { HeldDirectories } from "./held-directories.ts";
import { FileMover } from "./move-files.ts";
import type { TransferOptions, TransferResult } from "./options.ts";
import { Progress } from "./progress.ts";
import type { Resumption } from "./resume.ts";
import { MAX_REMEMBERED, TransferRun } from "./run.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { SourceFiles, TargetFiles } from "./trees.ts";
import { Verification } from "./verify.ts";

/** What a transfer uses of its platform. */
export interface TransferPlatform {
  /** Maximum number of things that a transfer remembers. */
  readonly maxRemembered?: number | undefined;
  /** Time for the rate and the limit. */
  readonly clock?: TransferClock | undefined;
  /** SHA-256 of the local side; default one in JavaScript. */
  readonly sha256?: (() => Sha256) | undefined;
}

/** The call that a transfer belongs to. */
export interface TransferCall {
  /** Name of the call, for its errors. */
  readonly name: string;
  readonly options: TransferOptions;
  /** Returns whether SFTP has ended, so that no further file can be moved. */
  readonly isOver: () => boolean;
}

/** The part of a transfer that moves files: those of a tree, those that match a pattern, or a stream. */
export class FilesTransfer {
  readonly run: TransferRun;
  readonly progress: Progress;
  readonly verification: Verification;
  readonly mover: FileMover;
  readonly #source: SourceFiles;

  /** `makeResumption` returns what continues partial files, if that is possible. */
  constructor(
    source: SourceFiles,
    target: TargetFiles,
    held: HeldDirectories,
    { options, name, isOver }: TransferCall,
    { maxRemembered = MAX_REMEMBERED, clock = PLATFORM_CLOCK, sha256 }: TransferPlatform,
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

  /** Starts files with `start`, waits for them, and calls `finish`. Settles when nothing is under way any more. */
  async settle(from: string, start: () => Promise<void>, finish: () => Promise<void>): Promise<void> {
    const { run } = this;
    const { signal } = run.options;
    throwIfAborted({ call: run.name, path: from, signal });
    const unwatch = run.watch(signal, from);
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
        throw new SshError("usage", `${this.run.name} "${escapeText(from)}": it is not a file`);
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
    const { skipped, failed } = this.run;
    const { files, bytes, unchanged, resumed } = this.mover;
    const { verified, unverified } = this.verification;
    return { files, directories, links, bytes, unchanged, resumed, verified, unverified, deleted, skipped, failed };
  }
}
