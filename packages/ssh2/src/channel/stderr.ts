import { Readable, Writable } from "node:stream";
import { MAX_WINDOW } from "./direction.ts";
import { READABLE_HIGH_WATER, type ReceiveBuffer } from "./receive-buffer.ts";
import type { SendQueue } from "./send-queue.ts";

/** Stream number of the error output (RFC 4254 §5.2). */
export const STDERR = 1;

/** Replaces the error output of SFTP, which is dropped. */
export const NO_STDERR: object = {
  readable: false,
  writable: false,
  push() {},
  once() {},
  on() {},
  emit() {},
  end() {},
};

/** Error output of a command, at the client. "close" comes with the end of the channel. */
export class ReadableStderr extends Readable {
  received: ReceiveBuffer | undefined;

  constructor() {
    super({ highWaterMark: READABLE_HIGH_WATER, emitClose: false });
  }

  override _read(): void {
    this.received?.read();
  }
}

/** Error output of a command, at the server. */
export class WritableStderr extends Writable {
  readonly #queue: SendQueue;

  constructor(queue: SendQueue) {
    super({ highWaterMark: MAX_WINDOW });
    this.#queue = queue;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#queue.write(STDERR, chunk, callback);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    this.#queue.writeAll(STDERR, chunks, callback);
  }
}
