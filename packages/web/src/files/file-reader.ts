import type { LocalReader } from "@nacre/files";
import { reading } from "./failures.ts";

/**
 * Reads a `File` in slices, because a stream of it would hold more in memory than was asked for. The next slice is read ahead, since the
 * browser takes about as long for a slice as the network.
 */
export class FileReaderAhead implements LocalReader {
  readonly #path: string;
  readonly #file: File;
  #ahead: { readonly position: number; readonly bytes: Promise<ArrayBuffer> } | undefined;

  constructor(path: string, file: File) {
    this.#path = path;
    this.#file = file;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const { length } = buffer;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const slice = ahead?.position === position ? ahead.bytes : this.#slice(position, length);
    const bytes = new Uint8Array(await reading(this.#path, () => slice), 0).subarray(0, length);
    buffer.set(bytes);
    const next = position + bytes.length;
    if (bytes.length === length && next < this.#file.size)
      this.#ahead = { position: next, bytes: this.#slice(next, length) };
    return bytes.length;
  }

  async close(): Promise<void> {
    this.#ahead = undefined;
  }

  #slice(position: number, length: number): Promise<ArrayBuffer> {
    const bytes = this.#file.slice(position, position + length).arrayBuffer();
    // A slice that is read ahead and not needed may fail unseen.
    bytes.catch(() => {});
    return bytes;
  }
}
