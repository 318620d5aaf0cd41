/** A file that is being written. Nothing of it is visible under its name before `commit`. */
export interface NewFile {
  /** Writes all bytes of the pieces at `position`, one piece after the other. The caller leaves them alone until the promise settles. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes the contents visible. */
  commit(): Promise<void>;
  /** Drops the contents. */
  discard(): Promise<void>;
}

/** Length in bytes of the writes to a file. The browser takes a millisecond for each, regardless of its length. */
const WRITE_LENGTH = 1024 * 1024;

/**
 * Begins to write the file of a handle. The browser writes to a file of its own and exchanges it in `commit`. With `keepExistingData` that
 * file begins as a copy.
 */
export async function newFile(handle: FileSystemFileHandle, keepExistingData = false): Promise<NewFile> {
  return new StreamFile(await handle.createWritable({ keepExistingData }));
}

/** Collects bytes that follow each other and writes them together. */
class StreamFile implements NewFile {
  readonly #stream: FileSystemWritableFileStream;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #position = 0;
  #length = 0;

  constructor(stream: FileSystemWritableFileStream) {
    this.#stream = stream;
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    if (position !== this.#position + this.#length) {
      await this.#flush();
      this.#position = position;
    }
    for (const piece of pieces)
      for (let rest = piece; rest.length > 0; ) {
        const part = rest.subarray(0, WRITE_LENGTH - this.#length);
        this.#reserve(this.#length + part.length);
        this.#buffer.set(part, this.#length);
        this.#length += part.length;
        rest = rest.subarray(part.length);
        if (this.#length === WRITE_LENGTH) await this.#flush();
      }
  }

  async commit(): Promise<void> {
    await this.#flush();
    await this.#stream.close();
  }

  async discard(): Promise<void> {
    this.#buffer = new Uint8Array(0);
    // A stream that has failed is released already.
    await this.#stream.abort().catch(() => {});
  }

  /** Makes the buffer long enough. It grows with the file, because many short ones may be written at once. */
  #reserve(length: number): void {
    const old = this.#buffer;
    if (old.length >= length) return;
    this.#buffer = new Uint8Array(Math.min(Math.max(length, 2 * old.length), WRITE_LENGTH));
    this.#buffer.set(old.subarray(0, this.#length));
  }

  async #flush(): Promise<void> {
    if (this.#length === 0) return;
    const data = this.#buffer.subarray(0, this.#length);
    await this.#stream.write({ type: "write", position: this.#position, data });
    this.#position += this.#length;
    this.#length = 0;
  }
}
