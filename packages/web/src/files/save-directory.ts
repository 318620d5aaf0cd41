import type { LocalPath } from "@nacre/files";
import { SshError } from "@nacre/wire";
import { directoryFiles } from "./directory-files.ts";
import { join, ROOT } from "./paths.ts";
import { pick, pickers } from "./pickers.ts";

/** Returns whether this browser writes directories: `saveDirectory` works. Chromium does, Firefox and Safari do not. */
export function canSaveDirectories(): boolean {
  return pickers().showDirectoryPicker !== undefined;
}

/**
 * Asks the user for a directory, and calls `write` to save a directory `name` in it, with `download`:
 *
 * ```ts
 * await saveDirectory("photos", (target) => download(files, "photos", target, { recursive: true }));
 * ```
 *
 * Call it in the handler of a click. An existing directory of this name is merged with the new one. Resolves with the result of `write`.
 * Rejects with `aborted` if the user chooses none, `not-supported-here` if the browser writes no directories, or the error of `write`.
 */
export async function saveDirectory<T>(name: string, write: (target: LocalPath) => Promise<T>): Promise<T> {
  const { showDirectoryPicker } = pickers();
  if (showDirectoryPicker === undefined)
    throw new SshError(
      "not-supported-here",
      "this browser lets no page write directories; save their files one by one, or use Chromium",
    );
  const directory = await pick(() => showDirectoryPicker({ mode: "readwrite" }));
  return write({ files: directoryFiles(directory), path: join(ROOT, name) });
}
