import { SshError } from "@nacre/wire";
import type { Channel as MuxChannel } from "nacre/extend";
import { callProgram } from "../call-program.ts";

type Callback = (error?: Error | null) => void;

/** A write that the window or the output did not take whole. */
interface Pending {
  readonly stream: number;
  bytes: Uint8Array;
  readonly done: Callback;
}

/** Writes the data of a channel and its error output, in the order of the calls. */
export class SendQueue {
  readonly #connection: object;
  readonly #channel: MuxChannel;
  #pending: Pending[] = [];
  #isOver = false;

  constructor(connection: object, channel: MuxChannel) {
    this.#connection = connection;
    this.#channel = channel;
  }

  get isIdle(): boolean {
    return this.#pending.length === 0;
  }

  /**
   * Sends bytes on a stream: 0, or 1 for error output. Calls `done` when all are sent. After the end they are dropped and `done` is called
   * without an error: ssh2 never calls it, and a pipe would hang.
   */
  write(stream: number, bytes: Uint8Array, done: Callback): void {
    const taken = this.#pending.length > 0 ? 0 : this.#send(stream, bytes);
    if (taken === bytes.length) done();
    else this.#pending.push({ stream, bytes: bytes.subarray(taken), done });
  }

  /** Sends several chunks as one. */
  writeAll(stream: number, chunks: readonly { readonly chunk: Uint8Array }[], done: Callback): void {
    this.write(stream, Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  /** Goes on with pending writes. */
  flush(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      const taken = this.#send(first.stream, first.bytes);
      first.bytes = first.bytes.subarray(taken);
      if (first.bytes.length > 0) return;
      this.#pending.shift();
      callProgram(this.#connection, first.done);
    }
  }

  /** Drops pending and later writes. */
  end(): void {
    this.#isOver = true;
    this.flush();
  }

  /** Returns the number of bytes taken: all after the end. */
  #send(stream: number, bytes: Uint8Array): number {
    if (this.#isOver) return bytes.length;
    try {
      return this.#channel.write(bytes, stream);
    } catch (error) {
      // The channel or its connection has ended, and its event is still to come.
      if (error instanceof SshError) return bytes.length;
      throw error;
    }
  }
}
