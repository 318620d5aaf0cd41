import { escapeText } from "@nacre/wire";
import { formatBytes, formatSeconds } from "./format.ts";
import { fitText } from "./text-width.ts";

/** State of a copy that its line of progress shows. */
export interface CopyState {
  /** Name of the current file. May contain any character. */
  readonly name: string;
  /** Bytes moved. */
  readonly bytes: number;
  /** Bytes to move; `undefined` while unknown. */
  readonly totalBytes: number | undefined;
  /** Number of files moved. */
  readonly files: number;
  /** Number of files to move; `undefined` while unknown. */
  readonly totalFiles: number | undefined;
  /** Rate in bytes a second; `undefined` while unknown. */
  readonly bytesPerSecond: number | undefined;
  /** Time left in seconds, or of the whole copy at its end; `undefined` while unknown. */
  readonly seconds: number | undefined;
  /** Whether the copy has ended, so that `seconds` is its duration. */
  readonly isOver: boolean;
}

/** Columns of the bar between its brackets. */
const BAR = 20;

/** Fewest columns of the name. Fields that would leave less are left out. */
const SHORTEST_NAME = 16;

/**
 * Returns one line for a terminal of `width` columns: name, number of files if there are several, part done, bar, bytes, rate, and time
 * left. It is one column shorter than the terminal, so that the cursor stays in the line.
 */
export function progressLine(state: CopyState, width: number): string {
  const { bytes, totalBytes, bytesPerSecond, seconds, isOver } = state;
  const part = totalBytes === undefined ? undefined : totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes);
  const percent = part === undefined ? "    " : `${Math.floor(part * 100)}%`.padStart(4);
  const time = `${formatSeconds(seconds).padStart(7)} ${isOver ? "    " : "left"}`;
  const fields = [
    percent,
    formatBytes(bytes).padStart(8),
    time,
    (bytesPerSecond === undefined ? "" : `${formatBytes(bytesPerSecond)}/s`).padStart(10),
    filesText(state),
    part === undefined ? "" : `[${"=".repeat(Math.round(part * BAR)).padEnd(BAR)}]`,
  ];
  // The order above is that of importance. On the screen they are in the order of `PLACES`.
  const shown = new Set<number>();
  let left = width - 1 - SHORTEST_NAME;
  for (const [index, field] of fields.entries()) {
    if (field === "") continue;
    left -= field.length + 1;
    if (left < 0) break;
    shown.add(index);
  }
  const right = PLACES.filter((place) => shown.has(place))
    .map((place) => ` ${fields[place]}`)
    .join("");
  // rule: progress-name-escaped
  const name = escapeText(state.name);
  return `${fitText(name, Math.max(0, width - 1 - right.length))}${right}`;
}

/** Order of the fields on the screen: files, percent, bar, bytes, rate, time. */
const PLACES = [4, 0, 5, 1, 3, 2];

function filesText({ files, totalFiles }: CopyState): string {
  if (totalFiles === undefined) return files === 0 ? "" : `${files} files`;
  return totalFiles <= 1 ? "" : `${files}/${totalFiles} files`;
}
