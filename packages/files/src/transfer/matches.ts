import { escapeText, SshError } from "@nacre/wire";
import { isPattern, type ListDirectory } from "../remote/glob.ts";
import type { FileMover } from "./move-files.ts";
import type { TransferRun } from "./run.ts";
import type { SourceMatch, SourceTree, TargetTree } from "./sides/trees.ts";
import type { TargetListing } from "./target-listing.ts";
import type { Directory, Walk } from "./walk.ts";

/** A pattern, split before its first wildcard. */
export interface SplitPattern {
  /** Directory of the names before the first wildcard: `"a/b"` of `"a/b/*.js"`. */
  readonly directory: string;
  /** The part from the first wildcard on. */
  readonly pattern: string;
}

/** Splits a pattern. Throws `usage` if it has ".." after a wildcard. */
export function splitPattern(text: string): SplitPattern {
  const parts = text.split("/");
  const first = parts.findIndex(isPattern);
  // A pattern without wildcards is a path: its last name is matched.
  const at = first < 0 ? parts.findLastIndex((part) => part !== "") : first;
  const rest = parts.slice(Math.max(at, 0));
  if (rest.includes("..")) throw new SshError("usage", `the pattern "${escapeText(text)}" has ".." after a wildcard`);
  const directory = parts.slice(0, Math.max(at, 0)).join("/");
  return { directory: directory === "" ? (text.startsWith("/") ? "/" : ".") : directory, pattern: rest.join("/") };
}

/** Starts the entries that match a pattern. Makes their parent directories at the target. */
export class Matches {
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #run: TransferRun;
  readonly #walk: Walk;
  readonly #mover: FileMover;
  /** Directories made, by their path below the root. */
  readonly #made = new Map<string, Promise<Made>>();
  /** Paths of matching directories, which the walk moves with their contents. */
  readonly #whole = new Set<string>();

  constructor(source: SourceTree, target: TargetTree, run: TransferRun, walk: Walk, mover: FileMover) {
    this.#source = source;
    this.#target = target;
    this.#run = run;
    this.#walk = walk;
    this.#mover = mover;
  }

  /** Starts the transfer of every match. Throws `usage` if nothing matches. */
  async start(root: Directory, pattern: string): Promise<void> {
    const run = this.#run;
    let isAny = false;
    const list: ListDirectory = (work) => this.#mover.list(work);
    const matches = this.#source.glob(root.from, pattern, run.context(root.from), list);
    for await (const match of run.options.recursive === true ? parentsFirst(matches) : matches) {
      if (run.hasFailed) return;
      isAny = true;
      await run.attempt(match.path, () => this.#add(root, match));
    }
    if (!isAny)
      throw new SshError(
        "usage",
        `${run.name} "${this.#source.show(this.#source.join(root.from, pattern))}": nothing matches`,
      );
    await this.#walk.finish();
  }

  async #add(root: Directory, { path, stats: listed }: SourceMatch): Promise<void> {
    const names = namesOf(path);
    if (names.some((_, index) => this.#whole.has(names.slice(0, index).join("/")))) return;
    const name = names.pop()!;
    let made = await this.#make("", async () => root);
    for (const [index, parent] of names.entries())
      made = await this.#make(names.slice(0, index + 1).join("/"), (below) =>
        this.#child(made.directory, parent, below),
      );
    const { directory, listing } = made;
    const from = this.#source.join(directory.from, name);
    const stats = listed ?? (await this.#source.lstat(from, this.#run.context(from)));
    if (await this.#walk.add(directory, { ...stats, name }, path, listing)) this.#whole.add([...names, name].join("/"));
  }

  #make(path: string, find: (path: string) => Promise<Directory>): Promise<Made> {
    let made = this.#made.get(path);
    if (made === undefined) {
      this.#run.remember();
      made = find(path).then(async (directory) => ({ directory, listing: await this.#walk.make(directory) }));
      // Its users handle the error.
      made.catch(() => {});
      this.#made.set(path, made);
    }
    return made;
  }

  async #child(parent: Directory, name: string, path: string): Promise<Directory> {
    const problem = this.#target.nameProblem(name, parent);
    if (/* rule: transfer-pattern-name */ problem !== undefined)
      throw new SshError("file-unwritable", `"${escapeText(path)}" cannot be written here: ${problem}`);
    const from = this.#source.join(parent.from, name);
    // Patterns follow links to directories.
    const stats = await this.#source.stat(from, this.#run.context(from));
    const real = await this.#walk.realPath(parent, name, from, true);
    const to = { directory: parent, name, path: this.#target.join(parent.to.path, name) };
    return { path, from, to, depth: parent.depth + 1, stats, parent, follow: false, real };
  }
}

/** Yields matches with fewer names first, so that a directory comes before its contents. */
async function* parentsFirst(matches: AsyncIterable<SourceMatch>): AsyncGenerator<SourceMatch, void> {
  const all: (readonly [length: number, match: SourceMatch])[] = [];
  for await (const match of matches) all.push([namesOf(match.path).length, match]);
  for (const [, match] of all.sort(([a], [b]) => a - b)) yield match;
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

interface Made {
  readonly directory: Directory;
  readonly listing: TargetListing;
}
