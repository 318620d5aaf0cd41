import { SshError } from "@nacre/wire";
import type { LocalFiles } from "./local-files.ts";
import { shownPath } from "./names.ts";

/**
 * Rejects with `usage` if a path leads to a device, pipe or socket, also through a link. The file that a download renames to the path would
 * replace it: `/dev/null` would become a regular file.
 */
export async function refuseSpecial(files: LocalFiles, path: string, call: string): Promise<void> {
  const type = await files.stat(path).then(
    (stats) => stats.type,
    // Usually the path is new. Otherwise writing fails with the reason.
    () => undefined,
  );
  if (type === "special")
    throw new SshError(
      "usage",
      `${call}: "${shownPath(path, files.nameRules)}" is a device, pipe or socket, which a file would replace; pass a function that takes the contents`,
    );
}
