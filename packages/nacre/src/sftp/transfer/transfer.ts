import { escapeText, SshError } from "@nacre/wire";
import { onAbort } from "../../on-abort.ts";
import { abortError, type CallContext, throwIfAborted } from "../call.ts";
import type { NearAttributes, NearEntry, NearStats } from "./near-files.ts";
import type { FailedEntry, SkippedEntry, TransferOptions, TransferResult } from "./options.ts";
import { Slots } from "./slots.ts";
import { SHORT_LENGTH, type SourceTree, type TargetTree } from "./trees.ts";

/** Maximum number of directories listed, links made or attributes set at the same time. */
const MOST_AT_ONCE = 8;

/** Maximum number of directories below each other. A hostile server may nest them without an end. */
const MAX_DEPTH = 256;

/** Maximum number of directories, links, and entries not moved that a transfer remembers. A hostile server may list them without an end. */
const MAX_REMEMBERED = 2 ** 20;

/** A directory of the transfer. */
interface Directory {
  /** Path below the root. */
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly depth: number;
  readonly stats: NearStats;
  readonly parent: Directory | undefined;
  /** Path of the source without links, if links are followed. */
  readonly real: string | undefined;
}

/** A symbolic link to make. */
interface Link {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** One transfer from one side to the other. Neither side is known here. */
export class Transfer {
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #options: TransferOptions;
  readonly #call: string;
  readonly #isOver: () => boolean;
  /** Stops everything under way after the first error that ends the transfer. */
  readonly #stop = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  readonly #slots: Slots;
  /** Files under way. */
  readonly #moving = new Set<Promise<void>>();
  /** Directories that wait to be listed, last in first out, which keeps the number low. */
  readonly #pending: Directory[] = [];
  readonly #directories: Directory[] = [];
  readonly #links: Link[] = [];
  readonly #skipped: SkippedEntry[] = [];
  readonly #failed: FailedEntry[] = [];
  readonly #maxRemembered: number;
  #remembered = 0;
  #files = 0;
  #madeDirectories = 0;
  #madeLinks = 0;
  #bytes = 0;
  readonly #progress = { bytes: 0, files: 0, totalBytes: 0, totalFiles: 0, isListed: false };

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
    this.#options = options;
    this.#call = name;
    this.#isOver = isOver;
    this.#slots = new Slots(options.concurrency);
    this.#maxRemembered = maxRemembered;
  }

  /** Moves a file or directory. Settles when nothing is under way any more. */
  async run(from: string, to: string): Promise<TransferResult> {
    const { signal } = this.#options;
    throwIfAborted({ call: this.#call, path: from, signal });
    const unwatch = signal && onAbort(signal, () => this.#end(abortError({ call: this.#call, path: from, signal })));
    try {
      await this.#root(from, to).catch((error: unknown) => this.#end(error));
      while (this.#moving.size > 0) await Promise.race(this.#moving);
      await this.#finish();
    } finally {
      unwatch?.();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return {
      files: this.#files,
      directories: this.#madeDirectories,
      links: this.#madeLinks,
      bytes: this.#bytes,
      skipped: this.#skipped,
      failed: this.#failed,
    };
  }

  async #root(from: string, to: string): Promise<void> {
    const context = this.#context(from);
    const stats = await this.#source.stat(from, context);
    if (stats.type === "file") {
      await this.#startFile("", from, to, stats, true);
      this.#progress.isListed = true;
      return;
    }
    if (stats.type !== "directory")
      throw new SshError("usage", `${this.#call} "${escapeText(from)}": it is neither a file nor a directory`);
    if (this.#options.recursive !== true)
      throw new SshError("usage", `${this.#call} "${escapeText(from)}": it is a directory; pass { recursive: true }`);
    const real = this.#options.symlinks === "follow" ? await this.#source.realpath(from, context) : undefined;
    this.#pending.push({ path: "", from, to, depth: 0, stats, parent: undefined, real });
    await this.#list();
    this.#progress.isListed = true;
  }

  /** Lists all directories, some at the same time, and starts their files. */
  async #list(): Promise<void> {
    const listing = new Set<Promise<void>>();
    while (listing.size > 0 || this.#pending.length > 0) {
      while (listing.size < MOST_AT_ONCE && this.#pending.length > 0) {
        const directory = this.#pending.pop()!;
        const work = this.#attempt(directory.path, () => this.#enter(directory)).then(() => void listing.delete(work));
        listing.add(work);
      }
      await Promise.race(listing);
    }
  }

  /** Makes a directory at the target, and handles its entries. */
  async #enter(directory: Directory): Promise<void> {
    const { from, to, depth } = directory;
    const mode = permissions(directory.stats);
    // Its entries must be written before it may become read-only.
    const created = { mode: mode === undefined ? undefined : mode | 0o700, isRoot: depth === 0 };
    await this.#target.makeDirectory(to, created, this.#context(to));
    this.#madeDirectories++;
    if (this.#options.preserve === true) this.#directories.push(directory);
    for await (const entry of this.#source.list(from, this.#context(from))) {
      if (this.#failure !== undefined) return;
      const path = directory.path === "" ? entry.name : `${directory.path}/${entry.name}`;
      await this.#attempt(path, () => this.#add(directory, entry, path));
    }
  }

  /** Starts an entry, or notes it for later. Resolves when the next one can be handled. */
  async #add(directory: Directory, entry: NearEntry, path: string): Promise<void> {
    const problem = this.#target.nameProblem(entry.name);
    if (problem !== undefined)
      throw new SshError("file-unwritable", `"${escapeText(path)}" cannot be written here: ${problem}`);
    const { symlinks, filter } = this.#options;
    const from = this.#source.join(directory.from, entry.name);
    const isFollowed = entry.type === "link" && symlinks === "follow";
    const found = isFollowed ? await this.#source.stat(from, this.#context(from)) : entry;
    const { type, size } = found;
    if (type === "special") return this.#skip(path, "special");
    if (type === "link" && symlinks === "skip") return this.#skip(path, "link");
    if (filter !== undefined && !(await this.#ask(() => filter({ path, type, size }))))
      return this.#skip(path, "filter");
    const to = this.#target.join(directory.to, entry.name);
    if (type === "file") {
      await this.#startFile(path, from, to, found, isFollowed);
    } else if (type === "link") {
      this.#remember();
      this.#links.push({ path, from, to });
    } else {
      const depth = directory.depth + 1;
      if (/* rule: transfer-depth */ depth > MAX_DEPTH)
        throw new SshError(
          "output-limit",
          `more than ${MAX_DEPTH} directories are below each other; transfer them in parts`,
        );
      const real = await this.#realPath(directory, entry.name, from, isFollowed);
      this.#remember();
      this.#pending.push({ path, from, to, depth, stats: found, parent: directory, real });
    }
  }

  /** Returns the real path of a directory, if links are followed. Throws if it is one of those above. */
  async #realPath(directory: Directory, name: string, from: string, isLink: boolean): Promise<string | undefined> {
    if (directory.real === undefined) return undefined;
    if (!isLink) return this.#source.join(directory.real, name);
    const real = await this.#source.realpath(from, this.#context(from));
    for (let above: Directory | undefined = directory; above !== undefined; above = above.parent)
      if (above.real === real)
        throw new SshError(
          "usage",
          `"${escapeText(from)}" leads back to a directory above it; pass another value of \`symlinks\`, or a \`filter\``,
        );
    return real;
  }

  /** Starts to move a file when there is a place for it. */
  async #startFile(path: string, from: string, to: string, stats: NearStats, follow: boolean): Promise<void> {
    this.#progress.totalFiles++;
    this.#progress.totalBytes += stats.size;
    const release = await this.#slots.take(stats.size);
    const moving = this.#attempt(path, () => this.#move(path, from, to, stats, follow)).then(() => {
      release();
      this.#moving.delete(moving);
    });
    this.#moving.add(moving);
  }

  async #move(path: string, from: string, to: string, stats: NearStats, follow: boolean): Promise<void> {
    const source = this.#context(from);
    const short =
      stats.size <= SHORT_LENGTH ? await this.#source.readShort(from, stats.size, follow, source) : undefined;
    let length = 0;
    const count = (chunk: number): void => {
      length += chunk;
      this.#progress.bytes += chunk;
      this.#report(path);
    };
    const attributes = {
      mode: permissions(stats),
      exact: this.#options.preserve === true ? exactAttributes(stats) : undefined,
    };
    const data = short ?? counted(this.#source.read(from, stats.size, follow, source), count);
    await this.#target.write(to, data, attributes, this.#context(to));
    if (short !== undefined) {
      length = short.length;
      this.#progress.bytes += length;
    }
    this.#files++;
    this.#bytes += length;
    this.#progress.files++;
    this.#report(path);
  }

  /** Makes the links when all files are written, so that no file is written through one of them. Then sets attributes of directories. */
  async #finish(): Promise<void> {
    await this.#forEach(this.#links, ({ path, from, to }) =>
      this.#attempt(path, async () => {
        const target = await this.#source.readlink(from, this.#context(from));
        await this.#target.symlink(target, to, this.#context(to));
        this.#madeLinks++;
      }),
    );
    // The deepest first: a directory may become unreadable, and a new entry changes its time.
    const byDepth: Directory[][] = [];
    for (const directory of this.#directories) (byDepth[directory.depth] ??= []).push(directory);
    for (const directories of byDepth.toReversed())
      await this.#forEach(directories, ({ path, to, stats }) =>
        this.#attempt(path, () => this.#target.setAttributes(to, exactAttributes(stats), this.#context(to))),
      );
  }

  async #forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const rest = items.values();
    const workers = Array.from({ length: Math.min(MOST_AT_ONCE, items.length) }, async () => {
      for (const item of rest) await work(item);
    });
    await Promise.all(workers);
  }

  /** Does the work for one entry. Its failure ends the transfer, or is noted. Never rejects. */
  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await work();
    } catch (error) {
      if (this.#failure !== undefined) return;
      if (this.#options.onError !== "skip" || this.#isOver() || !(error instanceof SshError)) this.#end(error);
      else if (this.#remember()) this.#failed.push({ path, error });
    }
  }

  #skip(path: string, reason: SkippedEntry["reason"]): void {
    if (this.#remember()) this.#skipped.push({ path, reason });
  }

  /** Counts something that is kept in memory until the end. Returns false and ends the transfer if there are too many. */
  #remember(): boolean {
    this.#remembered++;
    if (/* rule: transfer-entries */ this.#remembered <= this.#maxRemembered) return true;
    this.#end(
      new SshError(
        "output-limit",
        `the transfer has more than ${this.#maxRemembered} directories, links and entries left out; transfer it in parts`,
      ),
    );
    return false;
  }

  #end(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#stop.abort();
  }

  /** Calls a function of the application. Its exception ends the transfer, regardless of `onError`. The end does not wait for its answer. */
  async #ask<T>(question: () => T | Promise<T>): Promise<T> {
    let unwatch: (() => void) | undefined;
    const ended = new Promise<never>((_, reject) => {
      unwatch = onAbort(this.#stop.signal, () => reject(this.#failure?.error));
    });
    // Handled below, unless the function throws at once.
    ended.catch(() => {});
    try {
      return await Promise.race([question(), ended]);
    } catch (error) {
      this.#end(error);
      throw error;
    } finally {
      unwatch?.();
    }
  }

  #report(path: string): void {
    try {
      this.#options.onProgress?.({ ...this.#progress, path });
    } catch (error) {
      this.#end(error);
      throw error;
    }
  }

  #context(path: string): CallContext {
    return { call: this.#call, path, signal: this.#stop.signal };
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

/** Returns permission bits without set-user-ID, set-group-ID and sticky: another owner must not choose what runs with our rights. */
function permissions({ mode }: NearStats): number | undefined {
  return mode === undefined ? undefined : mode & /* rule: transfer-mode */ 0o777;
}

function exactAttributes(stats: NearStats): NearAttributes {
  const { atimeMs, mtimeMs } = stats;
  return {
    mode: permissions(stats),
    times: mtimeMs === undefined ? undefined : { atimeMs: atimeMs ?? mtimeMs, mtimeMs },
  };
}
