import type { LocalPath } from "@nacre/files";
import { SshError } from "@nacre/wire";
import { BlobFile } from "./blob-file.ts";
import { writing } from "./failures.ts";
import { handOver } from "./hand-over.ts";
import { newFile } from "./new-file.ts";
import { NewFileTarget } from "./new-file-target.ts";
import { pick, pickers, type RemovableHandle } from "./pickers.ts";
import { hasPrivateFiles, makePrivateFile } from "./private-files.ts";

/** Options of `saveFile`. */
export interface SaveFileOptions {
  /**
   * Maximum size in bytes of a file that is held in memory, where the browser has no file system; default 256 MiB. A longer one rejects
   * with `output-limit`.
   */
  readonly maxBlobSize?: number | undefined;
}

/** Default of `maxBlobSize` in bytes. */
const MAX_BLOB_SIZE = 256 * 1024 * 1024;

/**
 * Saves a file on the user's machine. `write` writes its contents, with `download`:
 *
 * ```ts
 * await saveFile("report.pdf", (target) => download(files, "report.pdf", target));
 * ```
 *
 * Call it in the handler of a click. Memory stays bounded by a few MiB where the browser has a file system:
 *
 * - Chromium asks where to save the file, and writes it there.
 * - Firefox and Safari 26 write it to the origin-private file system. When it is whole, they copy it to the user's downloads.
 * - Others, and pages on plain http, hold it in memory, up to `maxBlobSize`.
 *
 * Nothing is saved if `write` fails. `name` is a suggestion, in which the browser replaces what its system does not permit. Resolves with
 * the result of `write`. Rejects with `aborted` if the user chooses no file, `usage`, `not-supported-here` in a worker, or the error of
 * `write`.
 */
export async function saveFile<T>(
  name: string,
  write: (target: LocalPath) => Promise<T>,
  options: SaveFileOptions = {},
): Promise<T> {
  const { maxBlobSize = MAX_BLOB_SIZE } = options;
  if (!(Number.isSafeInteger(maxBlobSize) && maxBlobSize >= 0))
    throw new SshError("usage", `\`maxBlobSize\` must be an integer from 0, got ${String(maxBlobSize)}`);
  const { showSaveFilePicker } = pickers();
  if (showSaveFilePicker !== undefined) {
    const handle = await pick(() => showSaveFilePicker({ suggestedName: name }));
    return saveToHandle(handle, write);
  }
  if (typeof globalThis.HTMLAnchorElement === "undefined")
    throw new SshError("not-supported-here", "a worker cannot save files; call `saveFile` in a page");
  return hasPrivateFiles() ? saveToPrivateFile(name, write) : saveToBlob(name, maxBlobSize, write);
}

async function saveToHandle<T>(handle: RemovableHandle, write: (target: LocalPath) => Promise<T>): Promise<T> {
  const target = new NewFileTarget(handle.name, () => newFile(handle));
  try {
    return await write(target);
  } finally {
    await target.release();
    // The picker has made an empty file, or emptied the existing one.
    if (!target.isCommitted) await handle.remove?.().catch(() => {});
  }
}

/** Exported for tests in browsers that have pickers. */
export async function saveToPrivateFile<T>(name: string, write: (target: LocalPath) => Promise<T>): Promise<T> {
  const file = await writing(name, makePrivateFile);
  const target = new NewFileTarget("contents", () => newFile(file.handle));
  try {
    const result = await write(target);
    if (target.isCommitted) handOver(await writing(name, () => file.handle.getFile()), name);
    return result;
  } finally {
    await target.release();
    if (!target.isCommitted) await file.remove();
  }
}

/** Exported for tests in browsers that have pickers. */
export async function saveToBlob<T>(
  name: string,
  maxSize: number,
  write: (target: LocalPath) => Promise<T>,
): Promise<T> {
  let file = new BlobFile(maxSize);
  const target = new NewFileTarget("contents", () => {
    file = new BlobFile(maxSize);
    return Promise.resolve(file);
  });
  try {
    const result = await write(target);
    if (file.blob !== undefined) handOver(file.blob, name);
    return result;
  } finally {
    await target.release();
  }
}
