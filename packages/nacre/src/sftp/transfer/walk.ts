import { escapeText, SshError } from "@nacre/wire";
import { permissions } from "./attributes.ts";
import type { FileMover } from "./move-files.ts";
import type { NearEntry, NearStats } from "./near-files.ts";
import type { TransferRun } from "./run.ts";
import type { SourceTree, TargetTree } from "./trees.ts";

/** Maximum number of directories listed at the same time. */
const MOST_LISTED = 8;

/** Maximum number of directories below each other. A hostile server may nest them without an end. */
const MAX_DEPTH = 256;

/** A directory of the transfer. */
export interface Directory {
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
export interface Link {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** Lists the source, makes its directories at the target, starts its files, and collects its links. */
export class Walk {
  /** Directories whose attributes are set at the end. */
  readonly directories: Directory[] = [];
  /** Links to make at the end. */
  readonly links: Link[] = [];
  /** Number of directories made or found at the target. */
  madeDirectories = 0;
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #run: TransferRun;
  readonly #mover: FileMover;
  /** Directories that wait to be listed, last in first out, which keeps the number low. */
  readonly #pending: Directory[] = [];

  constructor(source: SourceTree, target: TargetTree, run: TransferRun, mover: FileMover) {
    this.#source = source;
    this.#target = target;
    this.#run = run;
    this.#mover = mover;
  }

  /** Handles a directory and everything in it. Resolves when all its files have been started. */
  async directory(from: string, to: string, stats: NearStats): Promise<void> {
    const { symlinks } = this.#run.options;
    const real = symlinks === "follow" ? await this.#source.realpath(from, this.#run.context(from)) : undefined;
    this.#pending.push({ path: "", from, to, depth: 0, stats, parent: undefined, real });
    await this.#list();
  }

  /** Lists all directories, some at the same time, and starts their files. */
  async #list(): Promise<void> {
    const listing = new Set<Promise<void>>();
    while (listing.size > 0 || this.#pending.length > 0) {
      while (listing.size < MOST_LISTED && this.#pending.length > 0) {
        const directory = this.#pending.pop()!;
        const work = this.#run
          .attempt(directory.path, () => this.#enter(directory))
          .then(() => void listing.delete(work));
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
    await this.#target.makeDirectory(to, created, this.#run.context(to));
    this.madeDirectories++;
    if (this.#run.options.preserve === true) this.directories.push(directory);
    for await (const entry of this.#source.list(from, this.#run.context(from))) {
      if (this.#run.hasFailed) return;
      const path = directory.path === "" ? entry.name : `${directory.path}/${entry.name}`;
      await this.#run.attempt(path, () => this.#add(directory, entry, path));
    }
  }

  /** Starts an entry, or notes it for later. Resolves when the next one can be handled. */
  async #add(directory: Directory, entry: NearEntry, path: string): Promise<void> {
    const run = this.#run;
    const problem = this.#target.nameProblem(entry.name);
    if (problem !== undefined)
      throw new SshError("file-unwritable", `"${escapeText(path)}" cannot be written here: ${problem}`);
    const { symlinks, filter } = run.options;
    const from = this.#source.join(directory.from, entry.name);
    const isFollowed = entry.type === "link" && symlinks === "follow";
    const found = isFollowed ? await this.#source.stat(from, run.context(from)) : entry;
    const { type, size } = found;
    if (type === "special") return run.skip(path, "special");
    if (type === "link" && symlinks === "skip") return run.skip(path, "link");
    if (filter !== undefined && !(await run.ask(() => filter({ path, type, size })))) return run.skip(path, "filter");
    const to = this.#target.join(directory.to, entry.name);
    if (type === "file") {
      await this.#mover.start({ path, from, to, stats: found, isFollowed });
    } else if (type === "link") {
      run.remember();
      this.links.push({ path, from, to });
    } else {
      const depth = directory.depth + 1;
      if (/* rule: transfer-depth */ depth > MAX_DEPTH)
        throw new SshError(
          "output-limit",
          `more than ${MAX_DEPTH} directories are below each other; transfer them in parts`,
        );
      const real = await this.#realPath(directory, entry.name, from, isFollowed);
      run.remember();
      this.#pending.push({ path, from, to, depth, stats: found, parent: directory, real });
    }
  }

  /** Returns the real path of a directory, if links are followed. Throws if it is one of those above. */
  async #realPath(directory: Directory, name: string, from: string, isLink: boolean): Promise<string | undefined> {
    if (directory.real === undefined) return undefined;
    if (!isLink) return this.#source.join(directory.real, name);
    const real = await this.#source.realpath(from, this.#run.context(from));
    for (let above: Directory | undefined = directory; above !== undefined; above = above.parent)
      if (above.real === real)
        throw new SshError(
          "usage",
          `"${escapeText(from)}" leads back to a directory above it; pass another value of \`symlinks\`, or a \`filter\``,
        );
    return real;
  }
}
