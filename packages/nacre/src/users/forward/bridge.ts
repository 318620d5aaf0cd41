import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import type { Channel } from "../../mux/channel.ts";
import type { Duplex } from "../../mux/duplex.ts";
import type { Opener } from "../../mux/open-channel.ts";
import { queueJob } from "../../mux/queue.ts";
import { onAbort } from "../../on-abort.ts";
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
export async function bridgeDialled(dial: Dial, duplex: Duplex, signal: AbortSignal): Promise<void> {
  const joined = new Bridge(duplex);
  joined.dial(dial);
  // Not before the request has left, because setting up a socket takes time.
  joined.open();
  const error = await joined.ended(signal);
  if (error !== undefined) throw error;
}

/** Opens a channel with callbacks. Returns what `Opener.open` does. */
type Dial = (handler: DialHandler) => ReturnType<Opener["open"]>;

type State =
  /** The channel is being opened. */
  | { readonly kind: "dialling" }
  | { readonly kind: "open"; readonly channel: Channel; readonly toDuplex: ToDuplex }
  /** The channel did not open, or is not wanted any more. A channel that opens later is closed. */
  | { readonly kind: "dropped" };

class Bridge {
  #state: State = { kind: "dialling" };
  /** Ends the wait for an SSH connection; `undefined` if the open was sent. */
  #forget: (() => void) | undefined;
  readonly #closed: Promise<unknown>;
  readonly #duplex: Duplex;
  readonly #toChannel: ToChannel;
  #onClosed!: (error?: unknown) => void;
  #isOpened = false;
  /** Resolves when the byte connection breaks or the bridge is aborted. Nothing more is delivered then. */
  readonly #givenUp: Promise<void>;
  #giveUp!: () => void;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#toChannel = new ToChannel(duplex, () => this.#closeIfOver());
    this.#closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#givenUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /** Opens the channel. */
  dial(dial: Dial): void {
    try {
      this.#forget = dial({ opened: (channel) => this.join(channel), failed: (error) => this.abort(error) });
    } catch (error) {
      this.abort(error);
    }
  }

  /** Starts reading from the byte connection. */
  open(): void {
    if (this.#isOpened) return;
    this.#isOpened = true;
    this.#duplex.open({
      data: (chunk) => this.#toChannel.send(chunk),
      drained: () => {
        if (this.#state.kind === "open") this.#state.toDuplex.drained();
      },
      ended: () => this.#toChannel.end(),
      failed: (cause) => this.#end(new SshError("closed", "the forwarded connection broke", { cause })),
    });
  }

  /** Connects the channel, and sends it what has arrived meanwhile. Closes it if the byte connection has broken. */
  join(channel: Channel): void {
    if (this.#state.kind === "dropped") {
      channel.close();
      return;
    }
    const toDuplex = new ToDuplex(channel, this.#duplex, () => this.#closeIfOver());
    this.#state = { kind: "open", channel, toDuplex };
    channel.handler = {
      data: (stream, bytes) => {
        if (stream === 0) toDuplex.gather(bytes);
        else channel.consumed(bytes.length);
      },
      writable: () => this.#toChannel.flush(),
      eof: () => void toDuplex.end(),
      request: (request) => channel.reply(request, false),
      closed: ({ error }) => void this.#release(toDuplex, error),
    };
    this.#toChannel.join(channel);
  }

  /** Resolves when channel and byte connection are closed, with the error that closed them, if any. Aborting closes both. */
  async ended(signal: AbortSignal): Promise<unknown> {
    const unwatch = onAbort(signal, () => this.abort());
    const error = await this.#closed;
    unwatch();
    return error;
  }

  /** Closes both. `reason` applies if the channel is not open yet. */
  abort(reason?: unknown): void {
    const error = new SshError("closed", "the forwarded connection was closed by this side");
    this.#end(error, reason);
  }

  /**
   * Closes both, the channel without EOF, so that the peer does not take partial data as complete. Before the channel is open, resets the
   * byte connection, and reports `reason`.
   */
  #end(error: SshError, reason: unknown = error): void {
    this.#giveUp();
    if (this.#state.kind === "open") this.#state.channel.close(error);
    else if (this.#state.kind === "dialling") void this.#drop(reason);
  }

  async #drop(reason: unknown): Promise<void> {
    this.#state = { kind: "dropped" };
    this.#forget?.();
    this.open();
    await (this.#duplex.reset?.() ?? this.#duplex.close());
    this.#onClosed(reason);
  }

  #closeIfOver(): void {
    if (this.#state.kind !== "open") return;
    const { channel, toDuplex } = this.#state;
    if (toDuplex.isOver && this.#toChannel.isOver) channel.close();
  }

  /** Delivers all bytes that arrived before CLOSE, even if they are taken slowly, unless the connection has failed. */
  async #release(toDuplex: ToDuplex, error: SshError | undefined): Promise<void> {
    this.#toChannel.drop();
    if (error === undefined) await Promise.race([toDuplex.end(), this.#givenUp]);
    else toDuplex.write();
    if (error !== undefined && !toDuplex.isOver && this.#duplex.reset !== undefined) await this.#duplex.reset();
    else await this.#duplex.close();
    this.#onClosed(error);
  }
}

/** Bytes on their way from the channel to the byte connection. */
class ToDuplex {
  /** Whether the byte connection has taken all bytes and the end. */
  isOver = false;
  readonly #channel: Channel;
  readonly #duplex: Duplex;
  readonly #onOver: () => void;
  /** Bytes of the current turn. They leave together at its end: a download takes 5 writes per MiB instead of 33. */
  #gathered: Bytes[] = [];
  /** Window credit to return when the byte connection has room again. */
  #credit = 0;
  #ending: Promise<void> | undefined;

  constructor(channel: Channel, duplex: Duplex, onOver: () => void) {
    this.#channel = channel;
    this.#duplex = duplex;
    this.#onOver = onOver;
  }

  gather(bytes: Bytes): void {
    if (this.#gathered.length === 0) queueJob(() => this.write());
    this.#gathered.push(bytes);
  }

  write(): void {
    const pieces = this.#gathered;
    if (pieces.length === 0) return;
    this.#gathered = [];
    for (const { length } of pieces) this.#credit += length;
    if (this.#duplex.write(pieces)) this.drained();
  }

  drained(): void {
    if (this.#credit > 0) this.#channel.consumed(this.#credit);
    this.#credit = 0;
  }

  /** Resolves when the byte connection has taken all bytes. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.write();
    await this.#duplex.end();
    this.isOver = true;
    this.#onOver();
  }
}

/** Bytes on their way from the byte connection to the channel. */
class ToChannel {
  #channel: Channel | undefined;
  readonly #duplex: Duplex;
  readonly #onOver: () => void;
  /** Bytes that the channel has not taken: one chunk, and any that arrived after `pause`. */
  #unsent: Uint8Array[] = [];
  #isEnded = false;

  constructor(duplex: Duplex, onOver: () => void) {
    this.#duplex = duplex;
    this.#onOver = onOver;
  }

  /** Whether the channel has taken all bytes and the end. */
  get isOver(): boolean {
    return this.#isEnded && this.#unsent.length === 0;
  }

  join(channel: Channel): void {
    this.#channel = channel;
    if (this.isOver) this.#end();
    else this.flush();
  }

  send(chunk: Uint8Array): void {
    const taken = this.#unsent.length === 0 ? this.#write(chunk) : 0;
    if (taken === chunk.length) return;
    this.#unsent.push(copyBytes(chunk.subarray(taken)));
    this.#duplex.pause();
  }

  /** Sends what the channel has not taken yet. */
  flush(): void {
    if (this.#unsent.length === 0) return;
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const taken = this.#write(first);
      if (taken < first.length) {
        this.#unsent[0] = first.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#isEnded) this.#end();
    else this.#duplex.resume();
  }

  end(): void {
    this.#isEnded = true;
    if (this.isOver) this.#end();
  }

  /** Drops unsent bytes. Resumes, because a paused byte connection would not notice its end. */
  drop(): void {
    if (this.#unsent.length === 0) return;
    this.#unsent = [];
    this.#duplex.resume();
  }

  #end(): void {
    this.#channel?.end();
    this.#onOver();
  }

  /** Returns the number of bytes the channel took. None before it is open. A closed channel takes all, and drops them. */
  #write(bytes: Uint8Array): number {
    try {
      return this.#channel?.write(bytes) ?? 0;
    } catch {
      return bytes.length;
    }
  }
}
