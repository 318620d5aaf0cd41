/** A file that the browser lets the page read. */
export interface LocalFile {
  readonly type: "file";
  /** Resolves with its current state. */
  file(): Promise<File>;
}

/** A directory that the browser lets the page read. */
export interface LocalDirectory {
  readonly type: "directory";
  /** Resolves with the entry of this name. Rejects with a `NotFoundError` if there is none. */
  get(name: string): Promise<LocalNode>;
  /** Lists the entries with their names. */
  entries(): AsyncIterable<readonly [name: string, node: LocalNode]>;
}

/** A file or directory, regardless of the browser's API for it. */
export type LocalNode = LocalFile | LocalDirectory;

/** A directory whose entries are in memory. */
export class LocalMap implements LocalDirectory {
  readonly type = "directory";
  readonly nodes: Map<string, LocalNode>;

  constructor(nodes: Iterable<readonly [name: string, node: LocalNode]> = []) {
    this.nodes = new Map(nodes);
  }

  async get(name: string): Promise<LocalNode> {
    const node = this.nodes.get(name);
    if (node === undefined) throw new DOMException(`no entry "${name}"`, "NotFoundError");
    return node;
  }

  async *entries(): AsyncGenerator<readonly [string, LocalNode], void> {
    yield* this.nodes;
  }
}

/** Returns the node of a `File`. */
export function fileNode(file: File): LocalFile {
  return { type: "file", file: () => Promise.resolve(file) };
}
