import { SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex, DuplexHandler } from "../mux/duplex.ts";
import { Backlog } from "../streams/backlog.ts";

/** How long closing waits until the channel has taken what was written: milliseconds. */
const CLOSE_TIMEOUT = 2000;

/**
 * Makes a byte connection of a channel: an SSH connection through a jump host runs over one. The channel belongs to it from then on.
 * Closing sends an EOF only after `end`, so that the peer does not take half of the bytes for all.
 */
export function channelDuplex(channel: Channel): Duplex {
  return new ChannelDuplex(channel);
}

class ChannelDuplex implements Duplex {
  readonly #channel: Channel;
  #handler: DuplexHandler | undefined;
  /** Bytes that the channel has not taken. */
  #unsent: Uint8Array[] = [];
  /** Bytes that arrived while paused. Their credit has not returned, so the window bounds them. */
  readonly #unread = new Backlog();
  #paused = false;
  /** An EOF arrived that is not delivered to the handler yet. */
  #eofUnread = false;
  /** Why nothing more arrives, for the handler when it has all bytes. */
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
    // The channel replays what has arrived, and nothing may arrive before this returns.
    queueMicrotask(() => {
      channel.handler = {
        data: (stream, bytes) => {
          if (stream === "stdout") this.#unread.push(bytes, bytes.length);
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
    // What still arrives is dropped, so that the peer is not stalled while it takes what was written.
    this.#paused = false;
    this.#deliver();
    const timer = setTimeout(() => this.#onSent?.(), CLOSE_TIMEOUT);
    await this.#flushed();
    await this.#ending;
    clearTimeout(timer);
    this.#channel.close(new SshError("closed", "the forwarded connection was closed by this side"));
    await this.#channel.ended;
  }

  /** Hands over what arrived, in order, until the handler pauses. */
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

  /** `isWhole`: the peer sent an EOF before. */
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

  /** The handler's last call. */
  #fail(error: SshError): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.failed(error);
  }

  /** Resolves when the channel has taken what was written, or has closed. */
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

  /** Sends what waits. Returns whether the channel took all of it. */
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
      // The channel has closed, which its handler reports.
      sent = this.#unsent.length;
    }
    this.#unsent.splice(0, sent);
    return this.#unsent.length === 0;
  }
}
