import { type Bytes, readUint32, SshError } from "@nacre/wire";

/** Bytes of the length field before each frame. */
const LENGTH_FIELD = 4;

/** Longest frame in bytes, in either direction: OpenSSH ends the connection of a client that sends a longer one. */
const MAX_FRAME = 256 * 1024;

/** Splits the bytes of a control socket into frames: a uint32 length, then that many bytes (PROTOCOL.mux, introduction). */
export class FrameReader {
  readonly #frames: Bytes[] = [];
  readonly #lengthField = new Uint8Array(LENGTH_FIELD);
  /** The frame that is arriving; `undefined` while its length arrives. */
  #frame: Bytes | undefined;
  /** Bytes of `#frame`, or else of `#lengthField`, that have arrived. */
  #filled = 0;
  /** Length of a frame that was refused; the bytes behind it are dropped. */
  #refused: number | undefined;

  /** Adds received bytes. Copies them. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#refused === undefined; ) {
      const target = this.#frame ?? this.#lengthField;
      const taken = Math.min(bytes.length - at, target.length - this.#filled);
      target.set(bytes.subarray(at, at + taken), this.#filled);
      at += taken;
      this.#filled += taken;
      if (this.#filled === target.length) this.#complete();
    }
  }

  /** Returns the next frame, or `undefined` until it is complete. Throws `packet-length` if it is empty or longer than 256 KiB. */
  next(): Bytes | undefined {
    const frame = this.#frames.shift();
    if (frame === undefined && this.#refused !== undefined)
      throw new SshError(
        "packet-length",
        `the master sent a message of ${this.#refused} bytes; the limits are 1 and ${MAX_FRAME}`,
      );
    return frame;
  }

  /** Whether no byte is left that `next` has not returned. */
  get isEmpty(): boolean {
    return this.#frames.length === 0 && this.#frame === undefined && this.#filled === 0 && this.#refused === undefined;
  }

  #complete(): void {
    this.#filled = 0;
    if (this.#frame !== undefined) {
      this.#frames.push(this.#frame);
      this.#frame = undefined;
      return;
    }
    const length = readUint32(this.#lengthField, 0);
    // rule: master-frame-length
    if (length === 0 || length > MAX_FRAME) this.#refused = length;
    else this.#frame = new Uint8Array(length);
  }
}
