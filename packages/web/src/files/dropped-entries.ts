import { chosenEntries } from "./chosen-entries.ts";
import { entryNode } from "./entry-node.ts";
import { handleNode } from "./handle-node.ts";
import { type LocalEntry, localEntry } from "./local-entry.ts";

/** An item of a drop. Chromium has the first method, Firefox and Safari the second. */
interface DroppedItem {
  readonly kind: string;
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
  webkitGetAsEntry?(): FileSystemEntry | null;
  getAsFile(): File | null;
}

/**
 * Resolves with the files and directories of a "drop" event, for `upload`. Call it in the event's own turn with `event.dataTransfer`: the
 * browser forgets the items afterwards. Anything else that was dropped, such as text, is left out.
 *
 * The browser keeps only references to the files. Their contents are read during the upload, in pieces of at most 512 KiB.
 */
export async function droppedEntries(data: Pick<DataTransfer, "items"> | null): Promise<LocalEntry[]> {
  const items = Array.from((data?.items ?? []) as unknown as Iterable<DroppedItem>).filter(
    ({ kind }) => kind === "file",
  );
  const found = await Promise.all(items.map((item) => entryOf(item)));
  return found.filter((entry) => entry !== undefined);
}

/** Takes everything from an item before its first `await`. */
async function entryOf(item: DroppedItem): Promise<LocalEntry | undefined> {
  const opening = item.getAsFileSystemHandle?.();
  const entry = item.webkitGetAsEntry?.();
  const file = item.getAsFile();
  // The browser refuses handles of its own folders, and still has entries for them.
  const handle = await opening?.catch(() => null);
  if (handle) return localEntry(handle.name, handleNode(handle));
  if (entry) return localEntry(entry.name, entryNode(entry));
  return file === null ? undefined : chosenEntries([file])[0];
}
