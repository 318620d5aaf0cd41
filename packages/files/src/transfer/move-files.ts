import { SshError } from "@nacre/wire";
import { isReusedHandle } from "../channel/open-queue.ts";
import { exactAttributes, permissions } from "../local/attributes.ts";
import { type Chunk, lengthOf, piecesOf } from "../local/chunk.ts";
import type { LocalAttributes, LocalStats, Sha256 } from "../local/local-files.ts";
import type { Sha256Maker } from "../local/sha256.ts";
import type { HeldDirectories, TargetPlace } from "./held-directories.ts";
import type { ResumedEntry } from "./options.ts";
import { DEFAULT_MAX_FILES, tooManyFiles } from "./options.ts";
import type { Progress } from "./progress.ts";
import type { Beginning, Resumption } from "./resume.ts";
import type { TransferRun } from "./run.ts";
import { MOST_FILES, Slots } from "./sides/slots.ts";
import type { TokenBucket } from "./sides/token-bucket.ts";
import {
  type NewAttributes,
  SHORT_LENGTH,
  type SourceFiles,
  type SourceStats,
  type TargetEntry,
  type TargetFiles,
} from "./sides/trees.ts";
import type { Verification } from "./verify.ts";

/** A file to move. */
export interface FileToMove {
  /** Path below the root. */
  readonly path: string;
  readonly from: string;
  readonly to: TargetPlace;
  readonly stats: SourceStats;
  /** Whether `from` may be a symbolic link. */
  readonly isFollowed: boolean;
  /** Existing entry of the target with this name, if the target was listed. */
  readonly existing: Pick<TargetEntry, "type" | "size" | "mtimeMs"> | undefined;
  /** Listed partial files of this name. */
  readonly partials: readonly TargetEntry[];
  /** Whether it cannot be moved a second time, because one side is a stream. */
  readonly isOnce?: boolean | undefined;
}

/** Parts of a `FileMover`. */
export interface MoverParts {
  readonly source: SourceFiles;
  readonly target: TargetFiles;
  readonly held: HeldDirectories;
  readonly run: TransferRun;
  readonly progress: Progress;
  readonly verification: Verification;
  readonly makeHash: Sha256Maker;
  /** Limits the rate. */
  readonly bucket: TokenBucket | undefined;
  /** Continues partial files; `undefined` without `resume`. */
  readonly resumption: Resumption | undefined;
}

/** Default of `maxGrowth` in bytes. */
const DEFAULT_MAX_GROWTH = 1024 * 1024 * 1024;

/**
 * Maximum number of attempts to move a file or list a directory on a server that gives two open files the same handle. More than two,
 * because directories that were opened before the first failure may still be open at the second attempt.
 */
const MOST_ATTEMPTS = 10;

/** Moves files, many at the same time. */
export class FileMover {
  /** Number of files moved. */
  files = 0;
  /** Contents moved in bytes, without the parts that resumed files had. */
  bytes = 0;
  /** Number of files that the target already had. */
  unchanged = 0;
  readonly resumed: ResumedEntry[] = [];
  readonly #parts: MoverParts;
  readonly #slots: Slots;
  /** Number of files that were started. */
  #found = 0;
  /** Returns how many files may move at once: the smaller limit of the two sides. */
  readonly #most: () => number;
  /** Number of files being moved. */
  #moving = 0;
  /** Called when no more files are being moved. */
  #onSettled: (() => void) | undefined;

  constructor(parts: MoverParts) {
    this.#parts = parts;
    const { source, target, run } = parts;
    this.#most = () => Math.min(source.mostFiles ?? MOST_FILES, target.mostFiles ?? MOST_FILES);
    this.#slots = new Slots(run.options.concurrency, this.#most);
  }

  /**
   * Starts to move a file, and returns `undefined`. If too many are being moved, returns a promise that resolves when the file has
   * started.
   */
  start(file: FileToMove): Promise<void> | undefined {
    const { run, progress } = this.#parts;
    const { stats } = file;
    const { maxFiles = DEFAULT_MAX_FILES } = run.options;
    this.#found++;
    // rule: transfer-file-count
    if (this.#found > maxFiles) {
      run.end(tooManyFiles(maxFiles));
      return undefined;
    }
    if (run.options.update !== undefined && isUnchanged(stats, file.existing)) {
      this.unchanged++;
      return undefined;
    }
    progress.found(stats.isUnsized === true ? undefined : stats.size);
    const waiting = this.#slots.take(stats.size);
    if (waiting !== undefined) return waiting.then(() => void this.#begin(file));
    void this.#begin(file);
    return undefined;
  }

  /** Whether only one file may be open at a time. */
  get isOneByOne(): boolean {
    return this.#most() === 1;
  }

  /** Lists a directory. If only one file may be open, waits until none is, and lists it again if the server reused its handle. */
  async list<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const isAlone = this.isOneByOne;
      if (isAlone) await this.#slots.take(0);
      try {
        return await work();
      } catch (error) {
        if (attempt === MOST_ATTEMPTS || !isReusedHandle(error)) throw error;
      } finally {
        if (isAlone) this.#slots.release(0);
      }
    }
  }

  /** Resolves when no file is being moved. */
  async settle(): Promise<void> {
    while (this.#moving > 0)
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve;
      });
  }

  /** Moves a file that may start now. Never rejects. */
  async #begin(file: FileToMove): Promise<void> {
    const { run } = this.#parts;
    this.#moving++;
    try {
      if (!run.hasFailed) await this.#move(file);
    } catch (error) {
      run.fail(file.path, error);
    }
    this.#slots.release(file.stats.size);
    this.#moving--;
    if (this.#moving === 0) this.#onSettled?.();
  }

  async #move(file: FileToMove, attempt: number = 1): Promise<void> {
    const { held, run, progress, verification, makeHash } = this.#parts;
    const { path, from, to, stats } = file;
    const moved: Moved = {
      size: 0,
      count: 0,
      resumed: 0,
      hash: verification.needsDigest ? await makeHash() : undefined,
    };
    try {
      await held.at(to, (place) => this.#write(file, place, moved));
    } catch (error) {
      if (file.isOnce === true || attempt === MOST_ATTEMPTS || !isReusedHandle(error)) throw error;
      progress.lost(moved.size);
      // By now only one file may be open. This waits until no other one is.
      this.#slots.release(stats.size);
      await this.#slots.take(stats.size);
      run.throwFailure();
      // The partial files were discarded.
      return this.#move({ ...file, partials: [] }, attempt + 1);
    }
    if (moved.resumed > 0 && run.remember()) this.resumed.push({ path, bytes: moved.resumed });
    const unset = moved.unset && run.leaveUnset(path, moved.unset.exact, moved.unset.error);
    if (run.options.verify !== undefined)
      await verification.add({ path, from, to, size: moved.size, digest: moved.hash?.digest() });
    this.files++;
    this.bytes += moved.count;
    const { size, resumed, unverified } = moved;
    run.tell(() => progress.finished({ path, size, resumed: resumed || undefined, unverified, unset }));
  }

  /** Writes a file, or the part that is missing. */
  async #write(file: FileToMove, place: string, moved: Moved): Promise<void> {
    const { target, run, progress, verification, resumption } = this.#parts;
    const { path, from, to, stats, isFollowed, partials } = file;
    const exact = this.#exact(stats);
    const attributes = {
      mode: permissions(stats),
      exact,
      flush: run.options.flush === true,
      onUnsupported: (error: SshError) => {
        moved.unset = exact && { exact, error };
      },
    };
    const short = await this.#readShort(file);
    if (short !== undefined) {
      moved.hash?.update(short);
      await target.write(place, short, attributes, run.context(to.path));
      moved.size = short.length;
      moved.count = short.length;
      run.tell(() => progress.moved(path, short.length));
      return;
    }
    const resumable = { from, to: place, stats, isFollowed, partials, attributes };
    const isWritten = await resumption?.write(resumable, ({ length, hash, problem }: Beginning) => {
      if (length > 0) {
        moved.size = length;
        moved.resumed = length;
        moved.hash = verification.needsDigest ? hash : undefined;
        progress.resumed(length);
        // `verify` compares the whole file at the end, with the resumed part.
        if (problem !== undefined && run.options.verify !== "sha256") {
          verification.note(path, problem);
          moved.unverified = problem;
        }
      }
      return this.#contents(file, moved);
    });
    if (isWritten !== true) await target.write(place, this.#contents(file, moved), attributes, run.context(to.path));
  }

  /** Reads a short file in one call. Resolves with `undefined` for a long file, and if the rate is limited. */
  async #readShort({ from, stats, isFollowed, partials }: FileToMove): Promise<Uint8Array | undefined> {
    const { source, bucket, run } = this.#parts;
    if (stats.size > SHORT_LENGTH || stats.isUnsized === true || partials.length > 0 || bucket !== undefined)
      return undefined;
    return source.readShort?.(from, stats.size, isFollowed, run.context(from));
  }

  /**
   * Yields the contents of a file, starting at the offset `moved.size`. Adds the length of each consumed chunk to `moved`. Throws
   * `output-limit` if the file is longer than its stated size by more than `maxGrowth`.
   */
  async *#contents({ path, from, stats, isFollowed }: FileToMove, moved: Moved): AsyncGenerator<Chunk, void> {
    const { source, run, progress, bucket } = this.#parts;
    const options = { start: moved.size, size: stats.size, follow: isFollowed, bucket };
    const { maxGrowth = DEFAULT_MAX_GROWTH } = run.options;
    const longest = stats.isUnsized === true ? Number.POSITIVE_INFINITY : stats.size + maxGrowth;
    for await (const chunk of source.read(from, options, run.context(from))) {
      const length = lengthOf(chunk);
      // rule: transfer-file-growth
      if (moved.size + length > longest)
        throw new SshError(
          "output-limit",
          `"${source.show(from)}" has more than ${maxGrowth} bytes beyond the stated ${stats.size}; pass a larger \`maxGrowth\``,
        );
      if (moved.hash !== undefined) for (const piece of piecesOf(chunk)) moved.hash.update(piece);
      yield chunk;
      moved.size += length;
      moved.count += length;
      run.tell(() => progress.moved(path, length));
    }
  }

  #exact(stats: SourceStats): NewAttributes["exact"] {
    const { preserve, update } = this.#parts.run.options;
    if (preserve === true) return exactAttributes(stats);
    return update === undefined ? undefined : { times: exactAttributes(stats).times };
  }
}

/** State of a file being moved. */
interface Moved {
  /** Size at the target in bytes, with the resumed part. */
  size: number;
  /** Number of bytes that this transfer has moved. */
  count: number;
  /** Length of the resumed part in bytes. */
  resumed: number;
  /** Computes the digest of the whole file; `undefined` if it is not needed, or if the resumed part has no digest. */
  hash: Sha256 | undefined;
  /** Why the resumed part could not be compared with the source. */
  unverified?: string;
  /** Attributes that the target does not support, and its error. */
  unset?: { readonly exact: LocalAttributes; readonly error: SshError } | undefined;
}

/** Returns whether the target has a file with the size and, in whole seconds, the time of its source. */
export function isUnchanged(source: LocalStats, target: LocalStats | undefined): boolean {
  if (target?.type !== "file" || source.mtimeMs === undefined || target.mtimeMs === undefined) return false;
  return source.size === target.size && Math.floor(source.mtimeMs / 1000) === Math.floor(target.mtimeMs / 1000);
}
