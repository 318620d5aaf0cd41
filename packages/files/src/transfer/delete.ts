import type { HeldDirectories } from "./held-directories.ts";
import type { TransferRun } from "./run.ts";
import type { TargetEntry, TargetTree } from "./sides/trees.ts";
import { listTarget, type TargetListing } from "./target-listing.ts";
import type { Directory } from "./walk.ts";

/** Maximum number of directories below each other in what is removed. */
const MAX_DEPTH = 256;

/** An entry of the target that the source lacks. */
export interface Extra {
  readonly directory: Directory;
  readonly entry: TargetEntry;
  /** Name of the source that is the same on file systems that ignore case or the form of characters. */
  readonly twin: string | undefined;
}

/** Returns the entries of a target directory that its source lacks. `names` are those of the source. */
export function findExtra(directory: Directory, listing: TargetListing, names: ReadonlySet<string>): Extra[] {
  const folded = new Map(Array.from(names, (name) => [fold(name), name]));
  return Array.from(listing.entries.values())
    .filter(({ name }) => !names.has(name))
    .map((entry) => ({ directory, entry, twin: folded.get(fold(entry.name)) }));
}

function fold(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/**
 * Removes entries from the target, below held directories, so that a link that takes the place of a directory is not followed. On a target
 * that holds no directories this is checked by their types. Resolves with the paths removed.
 */
export class Deletion {
  readonly deleted: string[] = [];
  readonly #target: TargetTree;
  readonly #held: HeldDirectories;
  readonly #run: TransferRun;

  constructor(target: TargetTree, held: HeldDirectories, run: TransferRun) {
    this.#target = target;
    this.#held = held;
    this.#run = run;
  }

  /** Removes entries. Does nothing if anything failed: then the source may have more than was listed. */
  async run(extras: readonly Extra[]): Promise<void> {
    for (const { directory, entry, twin } of extras) {
      if (this.#run.hasFailed || this.#run.failed.length > 0) return;
      const path = directory.path === "" ? entry.name : `${directory.path}/${entry.name}`;
      await this.#run.attempt(path, () =>
        this.#held.use(directory, async (held) => {
          if (twin !== undefined && !(await this.#hasBoth(held, twin, entry.name))) return;
          await this.#remove(held, entry, 0);
          if (this.#run.remember()) this.deleted.push(path);
        }),
      );
    }
  }

  /** Returns whether two names that differ in case are two files. Where they are one, it has just been written. */
  async #hasBoth(directory: string, twin: string, name: string): Promise<boolean> {
    const { entries } = await listTarget(this.#target, directory, this.#run.context(directory));
    return entries.has(twin) && entries.has(name);
  }

  async #remove(directory: string, { name, type }: TargetEntry, depth: number): Promise<void> {
    const path = this.#target.join(directory, name);
    const context = this.#run.context(path);
    if (type !== "directory") {
      await this.#target.remove(path, "file", context);
      return;
    }
    if (depth < MAX_DEPTH)
      await this.#held.below(path, async (held) => {
        for await (const entry of this.#target.list(held, context)) {
          await this.#remove(held, entry, depth + 1);
          // A hostile server may list entries without an end.
          if (!this.#run.remember()) this.#run.throwFailure();
        }
      });
    await this.#target.remove(path, "directory", context);
  }
}
