import type { BlockLimits } from "@nacre/files/blocks";
import { modeNumber } from "./attributes.ts";
import type { Callback } from "./call.ts";

/** Options of `fastGet` and `fastPut`. */
export interface TransferOptions {
  /** Number of requests in flight. Default: chosen for the path, at most 16 MiB in flight (64 if `chunkSize` is set). */
  readonly concurrency?: number | undefined;
  /** Length of a request in bytes. Default: the server's maximum (32 KiB if `concurrency` is set); `step` then reports every 32 KiB. */
  readonly chunkSize?: number | undefined;
  /** Size of the file in bytes, rounded down; default the source's size. */
  readonly fileSize?: number | undefined;
  /** Called with the bytes moved so far, those of this step, and the size of the file. */
  readonly step?: ((total: number, chunk: number, size: number) => void) | undefined;
  /** Mode of the new file. */
  readonly mode?: number | string | undefined;
}

/** Checked options of a transfer, and its callback. */
export interface TransferSettings {
  readonly limits: BlockLimits;
  readonly fileSize: number | undefined;
  readonly mode: number | undefined;
  /** Returns what reports the progress of a file of `size` bytes. */
  readonly progress: (size: number) => Progress;
  readonly callback: Callback;
}

/** Length of a chunk and number of chunks in flight in ssh2. */
const CHUNK_SIZE = 32 * 1024;
const CONCURRENCY = 64;

/** Reads the last two arguments of `fastGet` and `fastPut`. Throws for a mode that is not a number. */
export function transferSettings(given: unknown, last: unknown): TransferSettings {
  const callback = (typeof given === "function" ? given : last) as Callback | undefined;
  const options = (typeof given === "object" && given !== null ? given : {}) as TransferOptions;
  const concurrency = positive(options.concurrency);
  const chunkSize = positive(options.chunkSize);
  const isLimited = concurrency !== undefined || chunkSize !== undefined;
  const { step, mode } = options;
  const fileSize = positive(options.fileSize);
  return {
    limits: isLimited
      ? { maxBlocks: Math.ceil(concurrency ?? CONCURRENCY), maxBlockLength: Math.ceil(chunkSize ?? CHUNK_SIZE) }
      : {},
    // A read takes whole bytes.
    fileSize: fileSize === undefined ? undefined : Math.trunc(fileSize),
    mode: typeof mode === "string" || typeof mode === "number" ? modeNumber(mode) : undefined,
    progress: (size) => new Progress(typeof step === "function" ? step : undefined, chunkSize ?? CHUNK_SIZE, size),
    callback: typeof callback === "function" ? callback : () => {},
  };
}

function positive(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

/** Reports progress in chunks of `chunkSize` bytes, independent of the request length. */
export class Progress {
  readonly #step: TransferOptions["step"];
  readonly #chunk: number;
  readonly #size: number;
  #total = 0;

  constructor(step: TransferOptions["step"], chunk: number, size: number) {
    this.#step = step;
    this.#chunk = chunk;
    this.#size = size;
  }

  /** Notes that all bytes up to this position are written. */
  reached(position: number): void {
    const step = this.#step;
    if (step === undefined) return;
    for (;;) {
      const next = Math.min(this.#total + this.#chunk, this.#size);
      if (next > position || next === this.#total) return;
      const chunk = next - this.#total;
      this.#total = next;
      step(next, chunk, this.#size);
    }
  }
}
