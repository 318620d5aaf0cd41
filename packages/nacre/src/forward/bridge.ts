import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";
import { queueJob } from "../mux/queue.ts";
import { onAbort } from "../on-abort.ts";
import type { DialHandler } from "./dial.ts";

/**
 * Connects a channel to a byte connection: forwards bytes and EOF in both directions, with backpressure. Buffers at most the channel's
 * window in one direction and one chunk in the other. Aborting closes both. Resolves when both are closed. Never rejects.
 */
export async function bridge(channel: Channel, duplex: Duplex, signal: AbortSignal): Promise<void> {
  const joined = new Bridge(duplex);
  joined.open();
  joined.join(channel);
  await joined.ended(signal);
}

/**
 * Connects the channel that `dial` opens to a byte connection, like `bridge`. Reads from the byte connection meanwhile, so that its first
 * bytes leave in the turn in which the channel opens. Resets the byte connection if opening fails. Rejects with the error of opening or of
 * the channel, when both are closed.
 */
export async function bridgeDialled(
  dial: (handler: DialHandler) => void,
  duplex: Duplex,
  signal: AbortSignal,
): Promise<void> {
  const joined = new Bridge(duplex);
  try {
    dial({ opened: (channel) => joined.join(channel), failed: (error) => joined.abort(error) });
  } catch (error) {
    joined.abort(error);
  }
  // Not before the request has left, because setting up a socket takes time.
  joined.open();
  const error = await joined.ended(signal);
  if (error !== undefined) throw error;
}

class Bridge {
  readonly #closed: Promise<unknown>;
  readonly #duplex: Duplex;
  /** Set by `join`. */
  #channel: Channel | undefined;
  #onClosed!: (error?: unknown) => void;
  /** Bytes from the channel, written together at the end of the turn. */
  #gathered: Bytes[] = [];
  /** Window credit to return when the byte connection has room again. */
  #credit = 0;
  /** Bytes from the byte connection that the channel has not taken: one chunk, and any that arrived after `pause`. */
  #unsent: Uint8Array[] = [];
  #isOpen = false;
  /** Whether the byte connection was reset before the channel opened. */
  #isDropped = false;
  /** Whether each direction has ended. */
  readonly #over = { toDuplex: false, toChannel: false };
  /** Resolves when the byte connection has taken all bytes of the channel; `undefined` before the end of the channel's data. */
  #draining: Promise<void> | undefined;
  /** Resolves when the byte connection breaks or the bridge is aborted. Nothing more is delivered then. */
  readonly #givenUp: Promise<void>;
  #giveUp!: () => void;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#givenUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /** Starts reading from the byte connection. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#duplex.open({
      data: (chunk) => this.#toChannel(chunk),
      drained: () => this.#returnCredit(),
      ended: () => this.#onDuplexEnd(),
      failed: (cause) => this.#fail(cause),
    });
  }

  /** Connects the channel, and sends it what has arrived meanwhile. Closes it if the byte connection has broken. */
  join(channel: Channel): void {
    if (this.#isDropped) {
      channel.close();
      return;
    }
    this.#channel = channel;
    channel.handler = {
      data: (stream, bytes) => {
        if (stream === 0) this.#gather(bytes);
        else channel.consumed(bytes.length);
      },
      writable: () => this.#sendRest(),
      eof: () => {
        this.#draining = this.#endDuplex();
      },
      request: (request) => channel.reply(request, false),
      closed: ({ error }) => void this.#release(error),
    };
    if (this.#unsent.length > 0) this.#sendRest();
    else if (this.#over.toChannel) this.#endChannel();
  }

  /** Resolves when channel and byte connection are closed, with the error that closed them, if any. Aborting closes both. */
  async ended(signal: AbortSignal): Promise<unknown> {
    const unwatch = onAbort(signal, () => this.abort());
    const error = await this.#closed;
    unwatch();
    return error;
  }

  /** Closes both. `reason` applies if the channel is not open yet. */
  abort(reason: unknown = closedError()): void {
    this.#giveUp();
    if (this.#channel === undefined) void this.#drop(reason);
    else this.#channel.close(closedError());
  }

  /** Collects the packets of a turn for one write: a system call costs more than a packet. */
  #gather(bytes: Bytes): void {
    if (this.#gathered.length === 0) queueJob(() => this.#write());
    this.#gathered.push(bytes);
  }

  #write(): void {
    const pieces = this.#gathered;
    if (pieces.length === 0) return;
    this.#gathered = [];
    for (const { length } of pieces) this.#credit += length;
    // Each chunk of a channel has a buffer of its own.
    if (this.#duplex.write(pieces, true)) this.#returnCredit();
  }

  #returnCredit(): void {
    if (this.#credit > 0) this.#channel?.consumed(this.#credit);
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

  /** Returns the number of bytes the channel took. None before it is open. A closed channel takes all, and drops them. */
  #send(bytes: Uint8Array): number {
    try {
      return this.#channel?.write(bytes) ?? 0;
    } catch {
      return bytes.length;
    }
  }

  #onDuplexEnd(): void {
    this.#over.toChannel = true;
    if (this.#unsent.length === 0) this.#endChannel();
  }

  #endChannel(): void {
    this.#channel?.end();
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#over.toDuplex && this.#over.toChannel && this.#unsent.length === 0) this.#channel?.close();
  }

  /** Closes the channel without EOF when the byte connection breaks, so that the peer does not take partial data as complete. */
  #fail(cause: unknown): void {
    const error = new SshError("closed", "the forwarded connection broke", { cause });
    this.#giveUp();
    this.#unsent = [];
    if (this.#channel === undefined) void this.#drop(error);
    else this.#channel.close(error);
  }

  /** Resets the byte connection before the channel opens. A channel that opens later is closed. */
  async #drop(reason: unknown): Promise<void> {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.open();
    await (this.#duplex.reset?.() ?? this.#duplex.close());
    this.#onClosed(reason);
  }

  async #release(error: SshError | undefined): Promise<void> {
    this.#write();
    if (this.#unsent.length > 0) {
      // Drop unsent and further bytes. Resume, because a paused byte connection would not notice its end.
      this.#unsent = [];
      this.#duplex.resume();
    }
    // Deliver all bytes that arrived before CLOSE, even if they are taken slowly.
    if (error === undefined && !this.#over.toDuplex)
      await Promise.race([(this.#draining ??= this.#endDuplex()), this.#givenUp]);
    if (error !== undefined && !this.#over.toDuplex && this.#duplex.reset !== undefined) await this.#duplex.reset();
    else await this.#duplex.close();
    this.#onClosed(error);
  }
}

function closedError(): SshError {
  return new SshError("closed", "the forwarded connection was closed by this side");
}
