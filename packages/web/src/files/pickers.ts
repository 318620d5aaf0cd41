import { SshError } from "@nacre/wire";
import { isNamed } from "./failures.ts";

/** Functions of the File System Access API, which only Chromium has, and only on https and `localhost`. */
interface Pickers {
  readonly showSaveFilePicker?: (options: { readonly suggestedName: string }) => Promise<RemovableHandle>;
  readonly showDirectoryPicker?: (options: { readonly mode: "readwrite" }) => Promise<FileSystemDirectoryHandle>;
}

/** A file handle of Chromium. */
export interface RemovableHandle extends FileSystemFileHandle {
  remove?(): Promise<void>;
}

/** Returns the pickers of this page. */
export function pickers(): Pickers {
  return globalThis as Pickers;
}

/** Shows a picker. Rejects with `aborted` if the user closes it. */
export async function pick<T>(show: () => Promise<T>): Promise<T> {
  try {
    return await show();
  } catch (cause) {
    if (isNamed(cause, "AbortError")) throw new SshError("aborted", "nothing was chosen to save to", { cause });
    const message = `the browser shows no dialog to save: ${String(cause)}; call this in the handler of a click, in a page that is not in a frame`;
    throw new SshError("not-supported-here", message, { cause });
  }
}
