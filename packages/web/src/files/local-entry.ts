import type { LocalPath } from "@nacre/files";
import { LocalMap, type LocalNode } from "./local-node.ts";
import { join, ROOT } from "./paths.ts";
import { ReadableFiles } from "./readable-files.ts";

/** A file or directory of the user, which `upload` takes as it is. */
export interface LocalEntry extends LocalPath {
  /** Name without directory. */
  readonly name: string;
  /** Type of the entry. A directory needs `recursive`. */
  readonly type: "file" | "directory";
}

/** Returns the entry of a node. */
export function localEntry(name: string, node: LocalNode): LocalEntry {
  return { name, type: node.type, files: new ReadableFiles(new LocalMap([[name, node]])), path: join(ROOT, name) };
}
