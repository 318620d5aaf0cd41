import { type LocalEntry, localEntry } from "./local-entry.ts";
import { fileNode, LocalMap } from "./local-node.ts";

/**
 * Returns what the user chose in an `<input type="file">`, also with `multiple` or `webkitdirectory`, for `upload`. With `webkitdirectory`
 * it is one directory; the browser leaves out empty ones. Also accepts files that the page made: `chosenEntries([new File(…)])`.
 *
 * The browser keeps only references to the files. Their contents are read during the upload, in pieces of at most 512 KiB.
 */
export function chosenEntries(files: Iterable<File>): LocalEntry[] {
  const root = new LocalMap();
  for (const file of files) {
    const names = (file.webkitRelativePath || file.name).split("/");
    let directory = root;
    for (const name of names.slice(0, -1)) {
      const found = directory.nodes.get(name);
      const next = found instanceof LocalMap ? found : new LocalMap();
      directory.nodes.set(name, next);
      directory = next;
    }
    directory.nodes.set(names.at(-1)!, fileNode(file));
  }
  return Array.from(root.nodes, ([name, node]) => localEntry(name, node));
}
