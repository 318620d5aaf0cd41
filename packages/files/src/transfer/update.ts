import type { LocalStats } from "../local/local-files.ts";

/** Returns whether the target has a file with the size and, in whole seconds, the time of its source. */
export function isUnchanged(source: LocalStats, target: LocalStats | undefined): boolean {
  if (target?.type !== "file" || source.mtimeMs === undefined || target.mtimeMs === undefined) return false;
  return source.size === target.size && Math.floor(source.mtimeMs / 1000) === Math.floor(target.mtimeMs / 1000);
}
