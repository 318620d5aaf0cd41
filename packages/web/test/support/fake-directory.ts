// Handles of the File System API in memory, for runtimes without an origin-private file system.

/** Directory of a fake file system. */
export class FakeDirectory {
  readonly kind = "directory";
  readonly name: string;
  readonly nodes: Map<string, FakeDirectory | FakeFile> = new Map();

  constructor(name = "") {
    this.name = name;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FakeFile> {
    const found = this.#find(name, "file");
    if (found !== undefined || !create) return found ?? missing(name);
    const made = new FakeFile(name, this);
    this.nodes.set(name, made);
    return made;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<FakeDirectory> {
    const found = this.#find(name, "directory");
    if (found !== undefined || !create) return found ?? missing(name);
    const made = new FakeDirectory(name);
    this.nodes.set(name, made);
    return made;
  }

  async removeEntry(name: string, { recursive = false } = {}): Promise<void> {
    const node = this.nodes.get(name) ?? missing(name);
    if (node.kind === "directory" && node.nodes.size > 0 && !recursive)
      throw new DOMException(`${name} is not empty`, "InvalidModificationError");
    this.nodes.delete(name);
  }

  async *entries(): AsyncGenerator<[string, FakeDirectory | FakeFile], void> {
    yield* this.nodes;
  }

  async *keys(): AsyncGenerator<string, void> {
    yield* this.nodes.keys();
  }

  #find<K extends "file" | "directory">(
    name: string,
    kind: K,
  ): Extract<FakeDirectory | FakeFile, { kind: K }> | undefined {
    if (["", ".", ".."].includes(name) || name.includes("/")) throw new TypeError("Name is not allowed.");
    const found = this.nodes.get(name);
    if (found !== undefined && found.kind !== kind)
      throw new DOMException(`${name} is another kind`, "TypeMismatchError");
    return found as Extract<FakeDirectory | FakeFile, { kind: K }> | undefined;
  }
}

/** File of a fake file system. */
export class FakeFile {
  readonly kind = "file";
  name: string;
  data: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  readonly #parent: FakeDirectory;

  constructor(name: string, parent: FakeDirectory) {
    this.name = name;
    this.#parent = parent;
  }

  async getFile(): Promise<File> {
    return new File([this.data], this.name, { lastModified: 1_700_000_000_000 });
  }

  async createWritable({ keepExistingData = false } = {}): Promise<FakeWritable> {
    return new FakeWritable(keepExistingData ? this.data : new Uint8Array(0), (data) => {
      this.data = data;
    });
  }

  async move(name: string): Promise<void> {
    this.#parent.nodes.delete(this.name);
    this.name = name;
    this.#parent.nodes.set(name, this);
  }

  async remove(): Promise<void> {
    await this.#parent.removeEntry(this.name);
  }
}

type Command = Uint8Array<ArrayBuffer> | { readonly position: number; readonly data: Uint8Array<ArrayBuffer> };

/** Stream that writes to a file of its own until it is closed. */
class FakeWritable extends WritableStream<Command> {
  constructor(old: Uint8Array<ArrayBuffer>, commit: (data: Uint8Array<ArrayBuffer>) => void) {
    let data = old.slice();
    super({
      write(command) {
        const { position, data: bytes } =
          command instanceof Uint8Array ? { position: data.length, data: command } : command;
        const longer = new Uint8Array(Math.max(data.length, position + bytes.length));
        longer.set(data);
        longer.set(bytes, position);
        data = longer;
      },
      close: () => commit(data),
    });
  }

  async write(command: Command): Promise<void> {
    const writer = this.getWriter();
    try {
      await writer.write(command);
    } finally {
      writer.releaseLock();
    }
  }
}

function missing(name: string): never {
  throw new DOMException(`no entry ${name}`, "NotFoundError");
}
