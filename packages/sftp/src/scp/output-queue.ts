import { SshError } from "@nacre/wire";

const NOTHING = new Uint8Array(0);

/** Bytes that wait to be sent. They are not copied: the contents of a file leave from the caller's memory. */
export class OutputQueue {
  #chunks: Uint8Array[] = [];

  /** Bytes to send next. More may follow when they are sent. */
  get unsent(): Uint8Array {
    return this.#chunks[0] ?? NOTHING;
  }

  /** Adds bytes, which the caller must not change until they are sent. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#chunks.push(bytes);
  }

  /** Drops the first `length` bytes of `unsent`. Throws `usage` if there are fewer. */
  sent(length: number): void {
    const first = this.unsent;
    if (!(Number.isInteger(length) && length >= 0 && length <= first.length))
      throw new SshError("usage", `${length} bytes reported as sent, but ${first.length} wait to be sent`);
    if (length < first.length) this.#chunks[0] = first.subarray(length);
    else this.#chunks.shift();
  }

  /** Drops all bytes. */
  clear(): void {
    this.#chunks = [];
  }
}
