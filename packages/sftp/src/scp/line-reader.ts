import { type Bytes, SshError } from "@nacre/wire";
import { ByteQueue } from "./byte-queue.ts";
import { shown } from "./records.ts";

/** Reads lines of bounded length, single bytes, and the contents of files. */
export class LineReader {
  readonly #queue = new ByteQueue();
  readonly #maxLength: number;
  #hasEnded = false;
  /** Whether a line, a byte or contents were read. */
  #hasRead = false;

  /** `maxLength`: maximum length of a line in bytes, without its newline. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Number of received bytes that are not read. */
  get held(): number {
    return this.#queue.length;
  }

  /** Whether the peer sends no more bytes. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** First unread byte; `undefined` if no byte is unread. */
  get first(): number | undefined {
    return this.#queue.first;
  }

  /** Adds received bytes. */
  push(bytes: Uint8Array): void {
    if (!this.#hasEnded) this.#queue.push(bytes);
  }

  /** Reports that no more bytes come. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Reads a line without its newline; `undefined` until all of it is here. Throws `malformed-message` if it is too long. */
  line(): Bytes | undefined {
    const line = this.#queue.line();
    // rule: scp-line-length
    if ((line?.length ?? this.#queue.length) > this.#maxLength)
      throw new SshError("malformed-message", `a line of scp is longer than ${this.#maxLength} bytes`);
    if (line !== undefined) this.#hasRead = true;
    return line;
  }

  /** Reads one byte, which must be here. */
  skip(): void {
    this.#hasRead = true;
    this.#queue.take(1);
  }

  /** Reads contents: at most `most` bytes, and fewer if the next ones are in another chunk. A view. */
  contents(most: number): Bytes {
    return this.#queue.take(most);
  }

  /** Drops all bytes. */
  clear(): void {
    this.#queue.clear();
  }

  /** Returns the error for a first byte that begins neither an answer nor a record. */
  unexpected(): SshError {
    const start = shown(this.#queue.copy(this.#queue.length));
    if (this.#hasRead) return new SshError("malformed-message", `unexpected bytes between records of scp: ${start}`);
    return new SshError(
      "malformed-message",
      `the peer began scp with ${start}; if this is output of its login files, such as .bashrc, let them print nothing`,
    );
  }
}
