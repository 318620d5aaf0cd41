import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";
import { onAbort } from "../on-abort.ts";

/**
 * Joins a channel and a byte connection: the bytes and the end of each direction go over to the other, with backpressure. Holds no more than
 * the channel's window in one direction, and one chunk in the other. Aborting closes both. Resolves when both are closed. Never rejects.
 */
export async function bridge(channel: Channel, duplex: Duplex, signal: AbortSignal): Promise<void> {
  const joined = new Bridge(channel, duplex);
  const unwatch = onAbort(signal, () => joined.abort());
  await joined.closed;
  unwatch();
}

class Bridge {
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  readonly #duplex: Duplex;
  #onClosed!: () => void;
  /** From the channel, to be written in one piece of work at the end of the turn. */
  #gathered: Bytes[] = [];
  /** Window credit of bytes that the byte connection has taken without room for more. */
  #credit = 0;
  /** From the byte connection: what the channel has not taken. One chunk, and those that were under way when it was paused. */
  #unsent: Uint8Array[] = [];
  /** Whether each direction has ended. */
  readonly #over = { toDuplex: false, toChannel: false };
  /** Resolves when the byte connection has taken everything, after the last bytes of the channel. */
  #draining: Promise<void> | undefined;
  /** Resolves when the byte connection broke, or the bridge was aborted: then nothing more is delivered. */
  readonly #givenUp: Promise<void>;
  #giveUp!: () => void;

  constructor(channel: Channel, duplex: Duplex) {
    this.#channel = channel;
    this.#duplex = duplex;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#givenUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
    duplex.open({
      data: (chunk) => this.#toChannel(chunk),
      drained: () => this.#returnCredit(),
      ended: () => this.#onDuplexEnd(),
      failed: (cause) => this.#fail(cause),
    });
    channel.handler = {
      data: (stream, bytes) => {
        if (stream === "stdout") this.#gather(bytes);
        else channel.consumed(bytes.length);
      },
      writable: () => this.#sendRest(),
      eof: () => {
        this.#draining = this.#endDuplex();
      },
      request: (request) => channel.reply(request, false),
      closed: ({ error }) => void this.#release(error),
    };
  }

  abort(): void {
    this.#giveUp();
    this.#channel.close(new SshError("closed", "the forwarded connection was closed by this side"));
  }

  /** The packets of a turn are written together: a system call for each would cost more than the packet. */
  #gather(bytes: Bytes): void {
    if (this.#gathered.length === 0) queueMicrotask(() => this.#write());
    this.#gathered.push(bytes);
  }

  #write(): void {
    const pieces = this.#gathered;
    if (pieces.length === 0) return;
    this.#gathered = [];
    for (const { length } of pieces) this.#credit += length;
    if (this.#duplex.write(pieces)) this.#returnCredit();
  }

  #returnCredit(): void {
    if (this.#credit > 0) this.#channel.consumed(this.#credit);
    this.#credit = 0;
  }

  async #endDuplex(): Promise<void> {
    this.#write();
    await this.#duplex.end();
    this.#over.toDuplex = true;
    this.#closeIfOver();
  }

  #toChannel(chunk: Uint8Array): void {
    const taken = this.#unsent.length === 0 ? this.#send(chunk) : 0;
    if (taken === chunk.length) return;
    this.#unsent.push(copyBytes(chunk.subarray(taken)));
    this.#duplex.pause();
  }

  #sendRest(): void {
    if (this.#unsent.length === 0) return;
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const taken = this.#send(first);
      if (taken < first.length) {
        this.#unsent[0] = first.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#over.toChannel) this.#endChannel();
    else this.#duplex.resume();
  }

  /** Returns how many bytes the channel took: all of them once it is closed. */
  #send(bytes: Uint8Array): number {
    try {
      return this.#channel.write(bytes);
    } catch {
      return bytes.length;
    }
  }

  #onDuplexEnd(): void {
    this.#over.toChannel = true;
    if (this.#unsent.length === 0) this.#endChannel();
  }

  #endChannel(): void {
    this.#channel.end();
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#over.toDuplex && this.#over.toChannel && this.#unsent.length === 0) this.#channel.close();
  }

  /** The byte connection broke. The channel closes without an EOF, so that the peer does not take half of the bytes for all. */
  #fail(cause: unknown): void {
    this.#giveUp();
    this.#unsent = [];
    this.#channel.close(new SshError("closed", "the forwarded connection broke", { cause }));
  }

  async #release(error: SshError | undefined): Promise<void> {
    this.#write();
    if (this.#unsent.length > 0) {
      // Nothing more is sent. What still arrives is dropped: a byte connection that is paused would not notice its end.
      this.#unsent = [];
      this.#duplex.resume();
    }
    // Bytes that arrived before the CLOSE are delivered, however slowly they are taken.
    if (error === undefined) await Promise.race([(this.#draining ??= this.#endDuplex()), this.#givenUp]);
    if (error !== undefined && !this.#over.toDuplex && this.#duplex.reset !== undefined) await this.#duplex.reset();
    else await this.#duplex.close();
    this.#onClosed();
  }
}
