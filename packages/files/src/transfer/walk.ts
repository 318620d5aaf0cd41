import { escapeText, SshError } from "@nacre/wire";
import { isReusedHandle } from "../channel/open-queue.ts";
import { permissions } from "../local/attributes.ts";
import type { LocalEntry, LocalStats } from "../local/local-files.ts";
import { type Extra, findExtra } from "./delete.ts";
import type { HeldDirectories, TargetPlace } from "./held-directories.ts";
import type { FileMover } from "./move-files.ts";
import type { SkippedEntry } from "./options.ts";
import type { TransferRun } from "./run.ts";
import type { SourceTree, TargetTree } from "./sides/trees.ts";
import { EMPTY_LISTING, listTarget, needsListing, type TargetListing } from "./target-listing.ts";

/** Maximum number of directories listed at the same time. */
const MOST_LISTED = 8;

/** Maximum number of listed entries with which a directory is listed a second time. */
const MOST_LISTED_AGAIN = 8192;

/** Maximum number of entries of a directory kept in memory. A hostile server may list any number. */
const MAX_ENTRIES = 2 ** 20;

/** Maximum depth of directories. A hostile server may nest any number. */
const MAX_DEPTH = 256;

/** A directory of the transfer. */
export interface Directory {
  /** Path below the root. */
  readonly path: string;
  readonly from: string;
  readonly to: TargetPlace;
  readonly depth: number;
  readonly stats: LocalStats;
  readonly parent: Directory | undefined;
  /** Whether the target may be a symbolic link. */
  readonly follow: boolean;
  /** Path of the source with links resolved, if links are followed. */
  readonly real: string | undefined;
}

/** A symbolic link to make. */
export interface Link {
  readonly path: string;
  readonly from: string;
  readonly to: TargetPlace;
}

/** Lists the source, makes its directories at the target, starts its files, and collects its links. */
export class Walk {
  /** Directories whose attributes are set at the end. */
  readonly directories: Directory[] = [];
  /** Links to make at the end. */
  readonly links: Link[] = [];
  /** Entries of the target to remove at the end. */
  readonly extras: Extra[] = [];
  /** Number of directories made or found at the target. */
  madeDirectories = 0;
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #held: HeldDirectories;
  readonly #run: TransferRun;
  readonly #mover: FileMover;
  /** Directories to list, last in first out, which keeps their number low. */
  readonly #pending: Directory[] = [];

  constructor(source: SourceTree, target: TargetTree, held: HeldDirectories, run: TransferRun, mover: FileMover) {
    this.#source = source;
    this.#target = target;
    this.#held = held;
    this.#run = run;
    this.#mover = mover;
  }

  /** Returns the root of a transfer. */
  async root(from: string, to: string, stats: LocalStats): Promise<Directory> {
    const { symlinks, followTarget = true } = this.#run.options;
    const real = symlinks === "follow" ? await this.#source.realpath(from, this.#run.context(from)) : undefined;
    const place = { directory: undefined, name: "", path: to };
    return { path: "", from, to: place, depth: 0, stats, parent: undefined, follow: followTarget, real };
  }

  /** Walks a directory and everything in it. Resolves when all files have been started. */
  async directory(root: Directory): Promise<void> {
    this.#pending.push(root);
    await this.finish();
  }

  /** Lists all directories that wait, some at the same time, and starts their files. */
  async finish(): Promise<void> {
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

  /** Makes a directory at the target. Resolves with its existing entries if the options need them. */
  async make(directory: Directory): Promise<TargetListing> {
    const { to, depth } = directory;
    const run = this.#run;
    const context = run.context(to.path);
    const mode = permissions(directory.stats);
    // Its entries must be written before it may become read-only.
    const created = { mode: mode === undefined ? undefined : mode | 0o700, follow: directory.follow };
    const isNew = await this.#held.at(to, (path) => this.#target.makeDirectory(path, created, context));
    if (depth === 0) this.#held.keepRoot(directory);
    this.madeDirectories++;
    if (run.options.preserve === true) this.directories.push(directory);
    if (isNew || !needsListing(run.options)) return EMPTY_LISTING;
    return this.#mover.list(() => this.#held.use(directory, (path) => listTarget(this.#target, path, context)));
  }

  /** Makes a directory at the target, and handles its entries. */
  async #enter(directory: Directory): Promise<void> {
    const run = this.#run;
    const listing = await this.make(directory);
    const names = new Set<string>();
    const isDeleting = run.options.delete === true;
    const release = this.#held.keep(directory);
    try {
      for await (const entry of this.#list(directory)) {
        if (run.hasFailed) return;
        if (isDeleting) names.add(entry.name);
        const path = directory.path === "" ? entry.name : `${directory.path}/${entry.name}`;
        if (entry.type !== "file" || run.options.filter !== undefined) {
          await run.attempt(path, async () => void (await this.add(directory, entry, path, listing)));
          continue;
        }
        // Most entries are files. A promise for each would cost as much as its listing.
        try {
          const waiting = this.#addFile(directory, entry, path, listing, false);
          if (waiting !== undefined) await waiting;
        } catch (error) {
          run.fail(path, error);
        }
      }
    } finally {
      await release();
    }
    if (!isDeleting) return;
    for (const extra of findExtra(directory, listing, names)) if (run.remember()) this.extras.push(extra);
  }

  /** Lists a directory of the source. If the server reused its handle, lists it once more while no file moves. */
  async *#list({ from }: Directory): AsyncGenerator<LocalEntry, void> {
    const list = (): AsyncIterable<LocalEntry> => this.#source.list(from, this.#run.context(from));
    const listed = new Set<string>();
    let isStopped = false;
    if (!this.#mover.isOneByOne)
      try {
        for await (const entry of list()) {
          if (listed.size <= MOST_LISTED_AGAIN) listed.add(entry.name);
          yield entry;
          // While it is open, the server gives its handle to every file.
          isStopped = this.#mover.isOneByOne && listed.size <= MOST_LISTED_AGAIN;
          if (isStopped) break;
        }
        if (!isStopped) return;
      } catch (error) {
        if (listed.size > MOST_LISTED_AGAIN || !isReusedHandle(error)) throw error;
      }
    const entries = await this.#mover.list(() => collect(list(), from));
    yield* entries.filter(({ name }) => !listed.has(name));
  }

  /**
   * Starts an entry, or notes it for later. Resolves when the next entry can be handled: with true for a directory that will be walked.
   */
  async add(directory: Directory, entry: LocalEntry, path: string, listing: TargetListing): Promise<boolean> {
    const run = this.#run;
    const { name } = entry;
    this.#checkName(name, path);
    const { symlinks, filter } = run.options;
    const from = this.#source.join(directory.from, name);
    const isFollowed = entry.type === "link" && symlinks === "follow";
    const found = isFollowed ? await this.#source.stat(from, run.context(from)) : entry;
    const { type, size } = found;
    const skip = (reason: SkippedEntry["reason"]): false => {
      run.skip(path, reason);
      return false;
    };
    if (type === "special") return skip("special");
    if (type === "link" && symlinks === "skip") return skip("link");
    if (filter !== undefined && !(await run.ask(() => filter({ path, type, size })))) return skip("filter");
    if (type === "file") {
      await this.#addFile(directory, { ...found, name }, path, listing, isFollowed);
      return false;
    }
    this.#checkName(name, path, directory);
    const to = { directory, name, path: this.#target.join(directory.to.path, name) };
    if (type === "link") {
      run.remember();
      this.links.push({ path, from, to });
      return false;
    }
    if (run.options.recursive !== true)
      throw new SshError(
        "usage",
        `${run.name} "${this.#source.show(from)}": it is a directory; pass { recursive: true }, or a \`filter\``,
      );
    const depth = directory.depth + 1;
    if (/* rule: transfer-depth */ depth > MAX_DEPTH)
      throw new SshError("output-limit", `more than ${MAX_DEPTH} nested directories; transfer them in parts`);
    const real = await this.realPath(directory, name, from, isFollowed);
    run.remember();
    this.#pending.push({ path, from, to, depth, stats: found, parent: directory, follow: false, real });
    return true;
  }

  /** Starts a file as `FileMover.start` does. Throws `file-unwritable` if the target does not allow its name. */
  #addFile(
    directory: Directory,
    stats: LocalEntry,
    path: string,
    listing: TargetListing,
    isFollowed: boolean,
  ): Promise<void> | undefined {
    const { name } = stats;
    this.#checkName(name, path, directory);
    const from = this.#source.join(directory.from, name);
    const to = { directory, name, path: this.#target.join(directory.to.path, name) };
    const [existing, partials] = [listing.entries.get(name), listing.partialsOf(name)];
    return this.#mover.start({ path, from, to, stats, isFollowed, existing, partials });
  }

  /** Throws `file-unwritable` if the target does not allow a name, or with `directory`, not beside earlier ones in it. */
  #checkName(name: string, path: string, directory?: Directory): void {
    const problem = this.#target.nameProblem(name, directory);
    if (problem !== undefined)
      throw new SshError("file-unwritable", `"${escapeText(path)}" cannot be written here: ${problem}`);
  }

  /** Returns the path of a directory with links resolved, if links are followed. Throws if it is a parent of itself. */
  async realPath(directory: Directory, name: string, from: string, isLink: boolean): Promise<string | undefined> {
    if (directory.real === undefined) return undefined;
    if (!isLink) return this.#source.join(directory.real, name);
    const real = await this.#source.realpath(from, this.#run.context(from));
    for (let above: Directory | undefined = directory; above !== undefined; above = above.parent)
      if (above.real === real)
        throw new SshError(
          "usage",
          `"${this.#source.show(from)}" leads back to a directory above it; pass another value of \`symlinks\`, or a \`filter\``,
        );
    return real;
  }
}

/** Resolves with all entries of a directory. Rejects with `output-limit` for too many. */
export async function collect(
  list: AsyncIterable<LocalEntry>,
  path: string,
  maxEntries: number = MAX_ENTRIES,
): Promise<LocalEntry[]> {
  const entries: LocalEntry[] = [];
  for await (const entry of list) {
    entries.push(entry);
    if (/* rule: transfer-source-entries */ entries.length > maxEntries)
      throw new SshError(
        "output-limit",
        `"${escapeText(path)}" has more than ${maxEntries} entries, and the server allows one open file; transfer it in parts`,
      );
  }
  return entries;
}
