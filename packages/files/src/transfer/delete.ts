import type { HeldDirectories } from "./held-directories.ts";
import type { TransferRun } from "./run.ts";
import type { TargetEntry, TargetTree } from "./sides/trees.ts";
import { listTarget, type TargetListing } from "./target-listing.ts";
import type { Directory } from "./walk.ts";

/** Maximum depth of removed directories. */
const MAX_DEPTH = 256;

/** An entry of the target that the source lacks. */
export interface Extra {
  readonly directory: Directory;
  readonly entry: TargetEntry;
  /** Name of the source that is equal on file systems that ignore case or Unicode normalization. */
  readonly twin: string | undefined;
}

/** Returns the entries of a target directory that its source lacks. `names` are those of the source. */
export function findExtra(directory: Directory, listing: TargetListing, names: ReadonlySet<string>): Extra[] {
  const folded = new Map(Array.from(names, (name) => [fold(name), name]));
  return Array.from(listing.entries.values())
    .filter(({ name }) => !names.has(name))
    .map((entry) => ({ directory, entry, twin: folded.get(fold(entry.name)) }));
}

/** Lower case alone would tell "ß" from "SS", and "ς" from "σ"; file systems that ignore case need not. */
function fold(name: string): string {
  return name.normalize("NFC").toLowerCase().toUpperCase();
}

/**
 * Removes entries from the target, relative to held directories, so that a link that replaces a directory is not followed. On a target
 * that holds no directories, their types are checked.
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

  /** Removes entries. Stops if anything failed, because the source may then have entries that were not listed. */
  async run(extras: readonly Extra[]): Promise<void> {
    for (const { directory, entry, twin } of extras) {
      if (this.#run.hasFailed || this.#run.failed.length > 0) return;
      if (this.#run.taken.has(entry)) continue;
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

  /** Returns whether two names that differ only in case are two files. If they are one, it was just written. */
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
          // A hostile server may list any number of entries.
          if (!this.#run.remember()) this.#run.throwFailure();
        }
      });
    await this.#target.remove(path, "directory", context);
  }
}
