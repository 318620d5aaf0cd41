import { type Bytes, concatBytes, SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { abortError, type CallContext, throwIfAborted } from "../remote/call.ts";
import type { OpenFile, SftpChannel } from "../remote/sftp-channel.ts";
import { BlockReader, type BlockSink, type ReadRange } from "./block-reader.ts";

/** Maximum number of bytes that `readFile` reads by default: 1 GiB. */
export const MAX_FILE_LENGTH: number = 1024 ** 3;

/**
 * Largest size in bytes for which memory is taken before the bytes have arrived. A server may state any size. Systems back such memory
 * when it is first written to.
 */
const TRUSTED_SIZE = 256 * 1024 * 1024;

/** Reads a file, or a range of it. Rejects with `output-limit` for more than `maxLength` bytes, `aborted`, or the server's error. */
export function readAll(
  channel: SftpChannel,
  file: OpenFile,
  range: ReadRange,
  maxLength: number,
  context: CallContext,
): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    throwIfAborted(context);
    const { signal } = context;
    const unwatch = signal && onAbort(signal, () => sink.failed(abortError(context)));
    const sink = new Collector(range.start ?? 0, maxLength, {
      done(bytes) {
        unwatch?.();
        resolve(bytes);
      },
      failed(error) {
        unwatch?.();
        reader.stop();
        reject(error);
      },
      consumed: (length) => reader.consumed(length),
    });
    const reader = new BlockReader(channel, file, sink, range);
    reader.start();
  });
}

interface Outcome {
  done(bytes: Bytes): void;
  failed(error: SshError): void;
  consumed(length: number): void;
}

/** Collects the bytes of a file in one array. */
class Collector implements BlockSink {
  readonly #start: number;
  readonly #maxLength: number;
  readonly #outcome: Outcome;
  /** Memory for the whole file, once its size is known. */
  #whole: Bytes | undefined;
  /** Number of bytes at the beginning of `#whole`. */
  #filled = 0;
  /** Bytes that follow those in `#whole`. */
  readonly #rest: Bytes[] = [];
  #length = 0;

  constructor(start: number, maxLength: number, outcome: Outcome) {
    this.#start = start;
    this.#maxLength = maxLength;
    this.#outcome = outcome;
  }

  sized(size: number): void {
    const length = size - this.#start;
    if (length > this.#maxLength) this.failed(tooLong(this.#maxLength));
    else if (length > 0 && length <= TRUSTED_SIZE && this.#length === 0) this.#whole = new Uint8Array(length);
  }

  memory(position: number, length: number): Bytes | undefined {
    const from = position - this.#start;
    return this.#whole !== undefined && from + length <= this.#whole.length
      ? this.#whole.subarray(from, from + length)
      : undefined;
  }

  block(bytes: Bytes): void {
    this.#length += bytes.length;
    if (this.#length > this.#maxLength) {
      this.failed(tooLong(this.#maxLength));
      return;
    }
    const whole = this.#whole;
    if (whole !== undefined && this.#rest.length === 0 && this.#length <= whole.length) {
      if (bytes.buffer !== whole.buffer) whole.set(bytes, this.#filled);
      this.#filled = this.#length;
    } else {
      this.#rest.push(bytes);
    }
    this.#outcome.consumed(bytes.length);
  }

  end(): void {
    const parts = this.#whole === undefined ? this.#rest : [this.#whole.subarray(0, this.#filled), ...this.#rest];
    this.#outcome.done(parts.length === 1 ? parts[0]! : concatBytes(...parts));
  }

  failed(error: SshError): void {
    this.#outcome.failed(error);
  }
}

function tooLong(maxLength: number): SshError {
  return new SshError(
    "output-limit",
    `the file is longer than ${maxLength} bytes; read it as a stream, or raise \`maxLength\``,
  );
}
