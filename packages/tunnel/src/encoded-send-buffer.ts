import type { Bytes } from "@nacre/wire";
import { SendBuffer } from "./send-buffer.ts";

/** Minimum size in bytes to keep an encoded chunk without copying. Smaller chunks share messages and memory. */
const LARGE_CHUNK = 16 * 1024;

/** Size in bytes of the memory that small chunks share. */
const SHARED_MEMORY = 4 * 1024;

/** A send buffer that also takes encoded DATA messages, and passes them on without a copy. */
export class EncodedSendBuffer extends SendBuffer {
  /** Encoded DATA message of the last bytes, if they were copied and all bytes before them were sent. */
  #fresh: Bytes | undefined;

  /**
   * Adds the bytes of an encoded DATA message. A message of 16 KiB or more is kept and sent without a copy. The bytes of a smaller one are
   * copied, because many small buffers need much more memory than their bytes.
   */
  writeMessage(message: Bytes): void {
    this.assertNotEnded();
    const bytes = message.subarray(1);
    const isCopied = bytes.length < LARGE_CHUNK;
    this.#fresh = isCopied && bytes.length > 0 && this.unsent === 0 ? message : undefined;
    if (!isCopied) this.chunks.push({ bytes, message });
    else if (bytes.length > 0) this.#copyIn(bytes);
    this.added(bytes.length);
  }

  override write(bytes: Bytes): void {
    this.#fresh = undefined;
    super.write(bytes);
  }

  override rewind(position: number): void {
    this.#fresh = undefined;
    super.rewind(position);
  }

  protected override takeEncoded(allowed: number): Bytes | undefined {
    return this.#takeFresh(allowed) ?? this.#takeWhole(allowed);
  }

  /** Copies bytes behind the last chunk if they fit, else to a new chunk. */
  #copyIn(bytes: Bytes): void {
    const last = this.chunks.at(-1);
    if (last?.shared !== undefined && last.bytes.length + bytes.length <= last.shared.length) {
      const { length } = last.bytes;
      last.shared.set(bytes, length);
      last.bytes = last.shared.subarray(0, length + bytes.length);
    } else {
      const shared = new Uint8Array(Math.max(SHARED_MEMORY, bytes.length));
      shared.set(bytes);
      this.chunks.push({ bytes: shared.subarray(0, bytes.length), shared });
    }
  }

  /** Takes the encoded message of the last bytes. */
  #takeFresh(allowed: number): Bytes | undefined {
    const message = this.#fresh;
    // If it exceeds `allowed`, a part of its bytes is sent as a copy, so the message must not be sent later.
    this.#fresh = undefined;
    if (message === undefined || message.length - 1 > allowed) return undefined;
    this.moveNext(message.length - 1);
    return message;
  }

  /** Takes the encoded message of the next chunk, if no byte of that chunk was sent. */
  #takeWhole(allowed: number): Bytes | undefined {
    this.moveNext(0);
    const message = this.chunks[this.next.chunk]?.message;
    if (message === undefined || this.next.offset > 0 || message.length - 1 > allowed) return undefined;
    this.moveNext(message.length - 1);
    return message;
  }
}
