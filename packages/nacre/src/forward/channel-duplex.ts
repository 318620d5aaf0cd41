import { SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex, DuplexHandler } from "../mux/duplex.ts";
import { Backlog } from "../streams/backlog.ts";

/** Milliseconds that closing waits for the channel to take the written data. */
const CLOSE_TIMEOUT = 2000;

/**
 * Returns a byte connection over a channel, and takes ownership of the channel. An SSH connection through a jump host uses one. Closing
 * sends EOF only after `end`, so that the peer does not take partial data as complete.
 */
export function channelDuplex(channel: Channel): Duplex {
  return new ChannelDuplex(channel);
}

class ChannelDuplex implements Duplex {
  readonly #channel: Channel;
  #handler: DuplexHandler | undefined;
  /** Bytes that the channel has not taken yet. */
  #unsent: Uint8Array[] = [];
  /** Bytes received while paused. The window bounds them, because their credit is not returned yet. */
  readonly #unread = new Backlog();
  #paused = false;
  /** Whether an EOF has arrived that the handler has not received yet. */
  #eofUnread = false;
  /** The reason for the end, reported to the handler after all bytes. */
  #failure: SshError | undefined;
  #sent: Promise<void> | undefined;
  #onSent: (() => void) | undefined;
  #ending: Promise<void> | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
    const channel = this.#channel;
    let isWhole = false;
    // Setting the handler replays buffered bytes, but nothing may be delivered before `open` returns.
    queueMicrotask(() => {
      channel.handler = {
        data: (stream, bytes) => {
          if (stream === 0) this.#unread.push(bytes, bytes.length);
          else channel.consumed(bytes.length);
          this.#deliver();
        },
        writable: () => this.#flush(),
        eof: () => {
          isWhole = true;
          this.#eofUnread = true;
          this.#deliver();
        },
        request: (request) => channel.reply(request, false),
        closed: ({ error }) => this.#onClosed(error, isWhole),
      };
    });
  }

  write(pieces: readonly Uint8Array[]): boolean {
    this.#unsent.push(...pieces);
    return this.#send();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliver();
  }

  end(): Promise<void> {
    this.#ending ??= this.#flushed().then(() => {
      if (this.#unsent.length === 0) this.#channel.end();
    });
    return this.#ending;
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    // Drop received bytes, so that the peer does not stall and can take the written data.
    this.#paused = false;
    this.#deliver();
    const timer = setTimeout(() => this.#onSent?.(), CLOSE_TIMEOUT);
    await this.#flushed();
    await this.#ending;
    clearTimeout(timer);
    this.#channel.close(new SshError("closed", "the forwarded connection was closed by this side"));
    await this.#channel.ended;
  }

  /** Delivers received bytes in order until the handler pauses. */
  #deliver(): void {
    while (!this.#paused) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) break;
      this.#channel.consumed(chunk.credit);
      this.#handler?.data(chunk.bytes);
    }
    if (this.#paused || !this.#unread.isEmpty) return;
    if (this.#eofUnread) {
      this.#eofUnread = false;
      this.#handler?.ended();
    }
    if (this.#failure !== undefined) this.#fail(this.#failure);
  }

  /** `isWhole`: whether the peer sent an EOF before closing. */
  #onClosed(error: SshError | undefined, isWhole: boolean): void {
    const wasFull = this.#unsent.length > 0;
    const isOver = isWhole && this.#ending !== undefined && !wasFull;
    this.#unsent = [];
    this.#onSent?.();
    if (error !== undefined) {
      this.#fail(error);
    } else {
      if (!isOver) this.#failure = new SshError("channel-closed", "the peer closed the forwarded connection");
      this.#deliver();
      if (wasFull) this.#handler?.drained();
    }
  }

  /** Reports the failure to the handler, as its last call. */
  #fail(error: SshError): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.failed(error);
  }

  /** Resolves when the channel has taken all written data, or has closed. */
  #flushed(): Promise<void> {
    this.#sent ??= new Promise((resolve) => {
      if (this.#send() || this.#channel.closed) resolve();
      else this.#onSent = resolve;
    });
    return this.#sent;
  }

  #flush(): void {
    if (!this.#send()) return;
    this.#onSent?.();
    this.#handler?.drained();
  }

  /** Sends pending bytes. Returns whether the channel took all of them. */
  #send(): boolean {
    let sent = 0;
    try {
      for (const bytes of this.#unsent) {
        const taken = this.#channel.write(bytes);
        if (taken < bytes.length) {
          this.#unsent[sent] = bytes.subarray(taken);
          break;
        }
        sent++;
      }
    } catch {
      // The channel has closed. Its handler reports that.
      sent = this.#unsent.length;
    }
    this.#unsent.splice(0, sent);
    return this.#unsent.length === 0;
  }
}
