import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";

/**
 * Joins a channel and a byte connection: the bytes and the end of each direction go over to the other, with backpressure. Holds no more than
 * the channel's window in one direction, and one chunk in the other. Aborting closes both. Resolves when both are closed. Never rejects.
 */
export async function bridge(channel: Channel, duplex: Duplex, signal: AbortSignal): Promise<void> {
  const joined = new Bridge(channel, duplex);
  const onAbort = (): void => joined.abort();
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  await joined.closed;
  signal.removeEventListener("abort", onAbort);
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
  #hasRoom = true;
  /** From the byte connection: what the channel has not taken. */
  #unsent: Uint8Array | undefined;
  /** Whether each direction has ended. */
  readonly #over = { toDuplex: false, toChannel: false };
  /** Resolves when the byte connection has taken everything, after the channel's EOF. */
  #draining: Promise<void> | undefined;
  #onAbort: (() => void) | undefined;
  readonly #aborted: Promise<void>;

  constructor(channel: Channel, duplex: Duplex) {
    this.#channel = channel;
    this.#duplex = duplex;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#aborted = new Promise((resolve) => {
      this.#onAbort = resolve;
    });
    duplex.open({
      data: (chunk) => this.#toChannel(chunk),
      drained: () => this.#onRoom(),
      ended: () => this.#onDuplexEnd(),
      failed: () => this.#fail(),
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
    this.#onAbort?.();
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
    this.#hasRoom = this.#duplex.write(pieces);
    if (this.#hasRoom) this.#returnCredit();
  }

  #onRoom(): void {
    this.#hasRoom = true;
    this.#returnCredit();
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
    const taken = this.#send(chunk);
    if (taken === chunk.length) return;
    this.#unsent = copyBytes(chunk.subarray(taken));
    this.#duplex.pause();
  }

  #sendRest(): void {
    if (this.#unsent === undefined) return;
    this.#unsent = this.#unsent.subarray(this.#send(this.#unsent));
    if (this.#unsent.length > 0) return;
    this.#unsent = undefined;
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
    if (this.#unsent === undefined) this.#endChannel();
  }

  #endChannel(): void {
    this.#channel.end();
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#over.toDuplex && this.#over.toChannel && this.#unsent === undefined) this.#channel.close();
  }

  /** The byte connection broke: nothing of it can be sent on, and the peer must not take half of the bytes for all. */
  #fail(): void {
    this.#unsent = undefined;
    this.#channel.close(new SshError("closed", "the forwarded connection broke"));
  }

  async #release(error: SshError | undefined): Promise<void> {
    if (error === undefined) {
      // Bytes that arrived before the CLOSE are delivered, however slowly they are taken.
      this.#write();
      await Promise.race([this.#draining, this.#aborted]);
    }
    await this.#duplex.close();
    this.#onClosed();
  }
}
