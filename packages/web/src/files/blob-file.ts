import { SshError } from "@nacre/wire";
import type { NewFile } from "./new-file.ts";

/** Length in bytes of the pieces in memory. */
const PIECE_LENGTH = 1024 * 1024;

/** A new file in memory, for browsers without a file system. */
export class BlobFile implements NewFile {
  readonly #maxSize: number;
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;
  #blob: Blob | undefined;

  /** `maxSize` is the number of bytes after which `write` rejects with `output-limit`. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** The contents after `commit`. */
  get blob(): Blob | undefined {
    return this.#blob;
  }

  write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    const end = pieces.reduce((sum, { length }) => sum + length, position);
    if (end > this.#maxSize)
      return Promise.reject(
        new SshError(
          "output-limit",
          `the file is longer than ${this.#maxSize} bytes, and this browser can only save what is in memory; use one with a file system, or raise \`maxBlobSize\``,
        ),
      );
    let at = position;
    for (const piece of pieces)
      for (let rest = piece; rest.length > 0; ) {
        while (this.#pieces.length * PIECE_LENGTH <= at) this.#pieces.push(new Uint8Array(PIECE_LENGTH));
        const offset = at % PIECE_LENGTH;
        const part = rest.subarray(0, PIECE_LENGTH - offset);
        this.#pieces[Math.floor(at / PIECE_LENGTH)]!.set(part, offset);
        at += part.length;
        rest = rest.subarray(part.length);
      }
    this.#size = Math.max(this.#size, end);
    return Promise.resolve();
  }

  commit(): Promise<void> {
    const last = this.#size - (this.#pieces.length - 1) * PIECE_LENGTH;
    this.#blob = new Blob(
      this.#pieces.map((piece, i) => (i === this.#pieces.length - 1 ? piece.subarray(0, last) : piece)),
    );
    this.#pieces.length = 0;
    return Promise.resolve();
  }

  discard(): Promise<void> {
    this.#pieces.length = 0;
    return Promise.resolve();
  }
}
