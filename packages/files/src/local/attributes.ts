import type { LocalAttributes, LocalStats } from "./local-files.ts";

/** Returns permission bits without set-user-ID, set-group-ID and sticky: another owner must not choose what runs with our rights. */
export function permissions({ mode }: LocalStats): number | undefined {
  return mode === undefined ? undefined : mode & /* rule: transfer-mode */ 0o777;
}

/** Returns the attributes to set on the copy of a file or directory whose attributes are preserved. */
export function exactAttributes(stats: LocalStats): LocalAttributes {
  const { atimeMs, mtimeMs } = stats;
  return {
    mode: permissions(stats),
    times: mtimeMs === undefined ? undefined : { atimeMs: atimeMs ?? mtimeMs, mtimeMs },
  };
}
