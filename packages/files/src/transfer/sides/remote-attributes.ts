import type { Attributes } from "@nacre/sftp";
import type { LocalAttributes, LocalStats } from "../../local/local-files.ts";
import type { Stats } from "../../remote/stats.ts";

/** Converts attributes that the server stated. */
export function statsOf(stats: Stats): LocalStats {
  const { size, mode, atimeMs, mtimeMs } = stats;
  // If the server states no type, files count as regular.
  const isFile = stats.isFile() || mode < 0o10_000;
  const type = stats.isDirectory() ? "directory" : stats.isSymbolicLink() ? "link" : isFile ? "file" : "special";
  return { type, size, mode: mode === 0 ? undefined : mode, atimeMs, mtimeMs };
}

const MAX_UINT32 = 0xffff_ffff;

/** Converts attributes. A time outside SFTP's range becomes the nearest one. */
export function attributesOf({ mode, times }: LocalAttributes): Attributes {
  return {
    ...(mode !== undefined && { permissions: mode }),
    ...(times && { times: { atime: seconds(times.atimeMs), mtime: seconds(times.mtimeMs) } }),
  };
}

function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), MAX_UINT32);
}
