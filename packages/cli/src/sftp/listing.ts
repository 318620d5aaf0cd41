import type { Stats } from "@nacre/node";
import { padText, textWidth } from "../cp/text-width.ts";

/** An entry that `ls` prints. */
export interface ListedEntry {
  /** Path as it is shown, not escaped yet. */
  readonly name: string;
  /** Attributes. In a listed directory, those of a link are its own. */
  readonly stats: Stats;
}

/** Orders the entries: by name, by time with "t", or by size with "S"; not with "f"; reversed with "r". */
export function sortEntries(entries: readonly ListedEntry[], flags: ReadonlySet<string>): ListedEntry[] {
  const sorted = [...entries];
  if (!flags.has("f")) sorted.sort(compareBy(flags));
  return flags.has("r") ? sorted.toReversed() : sorted;
}

function compareBy(flags: ReadonlySet<string>): (a: ListedEntry, b: ListedEntry) => number {
  if (flags.has("t")) return (a, b) => (b.stats.mtimeMs ?? 0) - (a.stats.mtimeMs ?? 0) || byName(a, b);
  if (flags.has("S")) return (a, b) => b.stats.size - a.stats.size || byName(a, b);
  return byName;
}

function byName(a: ListedEntry, b: ListedEntry): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Puts names, which are escaped, into columns of equal width, row by row as sftp(1) does. Returns the lines. */
export function inColumns(names: readonly string[], width: number): string[] {
  // A directory may have more names than a call can have arguments.
  const longest = names.reduce((width, name) => Math.max(width, textWidth(name)), 0);
  const columns = Math.max(1, Math.floor(width / (longest + 2)));
  const columnWidth = Math.floor(width / columns);
  const lines: string[] = [];
  for (let at = 0; at < names.length; at += columns)
    lines.push(
      names
        .slice(at, at + columns)
        .map((name) => padText(name, columnWidth))
        .join("")
        .trimEnd(),
    );
  return lines;
}
