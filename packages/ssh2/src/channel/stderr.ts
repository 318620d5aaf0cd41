import { Readable, Writable } from "node:stream";
import { MAX_WINDOW } from "./direction.ts";
import { type Inflow, READABLE_HIGH_WATER } from "./inflow.ts";
import type { Outflow } from "./outflow.ts";

/** Stream number of the error output (RFC 4254 §5.2). */
export const STDERR = 1;

/** Error output of a command, at the client. "close" comes with the end of the channel. */
export class ReadableStderr extends Readable {
  inflow: Inflow | undefined;

  constructor() {
    super({ highWaterMark: READABLE_HIGH_WATER, emitClose: false });
  }

  override _read(): void {
    this.inflow?.read();
  }
}

/** Error output of a command, at the server. */
export class WritableStderr extends Writable {
  readonly #outflow: Outflow;

  constructor(outflow: Outflow) {
    super({ highWaterMark: MAX_WINDOW });
    this.#outflow = outflow;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#outflow.write(STDERR, chunk, callback);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    this.#outflow.writeAll(STDERR, chunks, callback);
  }
}
