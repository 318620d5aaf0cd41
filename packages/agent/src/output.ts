import { concatBytes, SshError, Writer } from "@nacre/wire";

/** Messages that wait to be sent, each after its length field. */
export class Output {
  #bytes: Uint8Array = new Uint8Array(0);

  /** The bytes to send next. Later messages do not change them. */
  get unsent(): Uint8Array {
    return this.#bytes;
  }

  /** Adds a message. Copies it. */
  message(message: Uint8Array): void {
    const framed = new Writer(message.length + 4).string(message).finish();
    this.#bytes = this.#bytes.length === 0 ? framed : concatBytes(this.#bytes, framed);
  }

  /** Drops the first `length` unsent bytes. Throws `usage` if there are fewer. */
  sent(length: number): void {
    if (!(Number.isInteger(length) && length >= 0 && length <= this.#bytes.length))
      throw new SshError("usage", `${length} bytes reported as sent, but ${this.#bytes.length} wait to be sent`);
    this.#bytes = this.#bytes.subarray(length);
  }

  /** Drops all bytes. */
  clear(): void {
    this.#bytes = new Uint8Array(0);
  }
}
