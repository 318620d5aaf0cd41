import { escapeText, SshError } from "@nacre/wire";
import type { CallContext } from "../channel/call.ts";
import type { TransferOptions } from "./options.ts";
import { parsePartialName } from "./resume.ts";
import type { TargetEntry, TargetTree } from "./sides/trees.ts";

/** Maximum number of entries of a target directory kept in memory. A hostile server may list any number. */
const MAX_ENTRIES = 2 ** 20;

/** Entries of a directory of the target before the transfer changes it. */
export class TargetListing {
  readonly entries: ReadonlyMap<string, TargetEntry>;
  /** Partial files, by the name of the complete file. */
  readonly #partials = new Map<string, TargetEntry[]>();

  constructor(entries: ReadonlyMap<string, TargetEntry>) {
    this.entries = entries;
    for (const entry of entries.values()) {
      const name = parsePartialName(entry.name)?.name;
      if (name === undefined) continue;
      const partials = this.#partials.get(name);
      if (partials === undefined) this.#partials.set(name, [entry]);
      else partials.push(entry);
    }
  }

  /** Returns the partial files of a name. */
  partialsOf(name: string): readonly TargetEntry[] {
    return this.#partials.get(name) ?? [];
  }
}

/** A directory without entries. */
export const EMPTY_LISTING: TargetListing = new TargetListing(new Map());

/** Returns whether a transfer with these options has to list the target. */
export function needsListing(options: TransferOptions): boolean {
  return options.resume === true || options.update !== undefined || options.delete === true;
}

/** Lists a directory of the target. Rejects with `output-limit` for too many entries. */
export async function listTarget(
  target: Pick<TargetTree, "list">,
  path: string,
  context: CallContext,
  maxEntries: number = MAX_ENTRIES,
): Promise<TargetListing> {
  const entries = new Map<string, TargetEntry>();
  for await (const entry of target.list(path, context)) {
    entries.set(entry.name, entry);
    if (/* rule: transfer-target-entries */ entries.size > maxEntries)
      throw new SshError(
        "output-limit",
        `"${escapeText(path)}" has more than ${maxEntries} entries; transfer without \`resume\`, \`update\` and \`delete\``,
      );
  }
  return new TargetListing(entries);
}
