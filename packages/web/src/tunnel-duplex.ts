import { type ClientTunnel, MAX_DATA_LENGTH, TUNNEL_MESSAGE, type TunnelEvent } from "@nacre/tunnel";
import { type Bytes, SshError } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre";
import { Backlog, queueMacrotask } from "nacre/extend";
import { ABANDONED } from "./close-codes.ts";
import type { MessageSocket } from "./message-socket.ts";
import type { Reattach } from "./reattach.ts";
import { SilenceWatch } from "./silence-watch.ts";

/** Settings for replacing a lost WebSocket of a tunnel. */
export interface TunnelLink {
  /** Time in milliseconds without a message after which the WebSocket counts as lost; 0 disables it. */
  readonly silenceTimeout: number;
  /** Attaches the tunnel to another WebSocket; `undefined` if the connection cannot be resumed. */
  readonly reattach: Reattach | undefined;
  /** Called with the error when the WebSocket is lost, and with `undefined` when another one replaces it. Must not throw. */
  readonly onChange: (lost: SshError | undefined) => void;
}

/** Time in milliseconds that closing waits for written bytes to be sent, and for a lost WebSocket to be replaced. */
const CLOSE_TIMEOUT = 2000;

/**
 * Time in milliseconds without data after which the last bytes are acknowledged. Fewer than 128 KiB would otherwise remain in the gateway's
 * memory.
 */
const REST = 1000;

/**
 * Number of delivered bytes to acknowledge with one message while data flows: sending a message costs as much as decrypting 64 KiB. A
 * quarter of the gateway's smallest send buffer, which therefore does not run full.
 */
const ACKNOWLEDGE_TOGETHER = 256 * 1024;

/** Time in milliseconds without data after which fewer bytes are acknowledged. A gateway with little memory left waits for this. */
const LULL = 10;

/** A byte connection that survives the loss of its WebSocket. */
export class TunnelDuplex implements Duplex {
  readonly #tunnel: ClientTunnel;
  readonly #link: TunnelLink;
  readonly #silence: SilenceWatch;
  readonly #rest: SilenceWatch;
  readonly #lull: SilenceWatch;
  /** Aborts reattaching when the connection was closed and the time is up. */
  readonly #over = new AbortController();
  /** Bytes received while paused. They are not acknowledged, so the tunnel bounds them. */
  readonly #unread = new Backlog();
  /** The current WebSocket; `undefined` while reattaching. */
  #socket: MessageSocket | undefined;
  #handler: DuplexHandler | undefined;
  /** Whether the handler may be called. */
  #isOpen = false;
  #isFull = false;
  /** Number of bytes delivered since the last acknowledgement. */
  #delivered = 0;
  /** Whether a short message waits for the next round of the event loop. */
  #isHeld = false;
  /** Whether one direction has ended. From then on, no message waits. */
  #isEnding = false;
  /** Time of the last message. */
  #now = 0;
  #isPaused = false;
  /** Whether END arrived but was not delivered to the handler. */
  #endUnread = false;
  /** Error that ended the connection. The handler receives it after all bytes. */
  #failure: SshError | undefined;
  #onSent: (() => void) | undefined;
  #sent: Promise<void> | undefined;
  #reattaching: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** `socket` must already carry the tunnel. */
  constructor(tunnel: ClientTunnel, socket: MessageSocket, link: TunnelLink) {
    this.#tunnel = tunnel;
    this.#link = link;
    this.#silence = new SilenceWatch(link.silenceTimeout, () => this.#onSilence());
    this.#rest = new SilenceWatch(REST, () => {
      this.#tunnel.acknowledgeAll();
      this.#flush();
    });
    this.#lull = new SilenceWatch(LULL, () => this.#flush());
    this.#use(socket);
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
    // The handler must not be called before `open` returns.
    queueMicrotask(() => {
      this.#isOpen = true;
      if (this.#socket === undefined && this.#failure === undefined) handler.suspended?.();
      this.#advance();
    });
  }

  write(pieces: readonly Bytes[]): boolean {
    if (this.#failure !== undefined || this.#tunnel.isOver) return true;
    let hasRoom = true;
    for (const piece of pieces) hasRoom = this.#tunnel.write(piece);
    this.#pump();
    return hasRoom;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#advance();
    // No data may follow that would start `#lull`, if the gateway has little memory left.
    this.#flush();
  }

  end(): Promise<void> {
    if (this.#failure !== undefined || this.#tunnel.isOver) return Promise.resolve();
    if (this.#sent === undefined) {
      this.#isEnding = true;
      this.#tunnel.end();
      this.#sent = new Promise((resolve) => {
        this.#onSent = resolve;
      });
    }
    this.#pump();
    return this.#sent;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeInTime();
    return this.#closing;
  }

  #stopTimers(): void {
    this.#silence.stop();
    this.#rest.stop();
    this.#lull.stop();
  }

  /** Switches to a WebSocket that carries the tunnel. */
  #use(socket: MessageSocket): void {
    this.#socket = socket;
    this.#isFull = false;
    this.#silence.arrived(performance.now());
    socket.start({
      message: (bytes) => {
        this.#now = performance.now();
        this.#silence.arrived(this.#now);
        this.#tunnel.receive(bytes, this.#now);
        this.#advance();
      },
      drained: () => {
        this.#isFull = false;
        this.#pump();
      },
      closed: ({ error, isLost }) => this.#onEnd(error, isLost),
    });
  }

  /** Handles all tunnel events and sends pending messages. */
  #advance(): void {
    // Before `open`, events remain queued in the tunnel.
    if (!this.#isOpen && this.#closing === undefined) return;
    let event = this.#tunnel.nextEvent();
    do {
      for (; event !== undefined; event = this.#tunnel.nextEvent()) this.#on(event);
      this.#deliver();
      this.#pump();
      // Sending the last acknowledgement can finish the tunnel.
      event = this.#tunnel.nextEvent();
    } while (event !== undefined);
  }

  #on(event: TunnelEvent): void {
    switch (event.type) {
      case "data":
        this.#unread.push(event.data, event.data.length);
        this.#rest.arrived(this.#now);
        this.#lull.arrived(this.#now);
        return;
      case "writable":
        this.#handler?.drained();
        return;
      case "end":
        this.#endUnread = true;
        this.#isEnding = true;
        return;
      case "closed":
        this.#fail(event.error);
        return;
      case "finished":
        this.#stopTimers();
        void this.#socket?.close(1000);
        return;
      case "opened":
      case "attached":
      // The handshake consumes these events.
    }
  }

  /** Delivers received bytes in order until the handler pauses. After `close`, drops them, so that the gateway can finish sending. */
  #deliver(): void {
    while (!this.#isPaused) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) break;
      this.#tunnel.consumed(chunk.credit);
      this.#delivered += chunk.credit;
      this.#handler?.data(chunk.bytes);
    }
    if (this.#isPaused || !this.#unread.isEmpty) return;
    if (this.#endUnread) {
      this.#endUnread = false;
      this.#handler?.ended();
    }
    const handler = this.#handler;
    if (this.#failure === undefined || handler === undefined) return;
    this.#handler = undefined;
    handler.failed(this.#failure);
  }

  /** Sends pending messages, except one that may wait. */
  #pump(): void {
    let last: number | undefined;
    while (this.#socket !== undefined && !this.#isFull && !this.#mayWait(last === TUNNEL_MESSAGE.DATA)) {
      last = this.#sendNext();
      if (last === undefined) return;
    }
  }

  /** Sends all pending messages. */
  #flush(): void {
    this.#isHeld = false;
    while (this.#socket !== undefined && !this.#isFull) if (this.#sendNext() === undefined) return;
  }

  /**
   * Returns whether the next message may wait. An acknowledgement waits for more of them. Data that follow full messages wait for the next
   * round of the event loop: the application may be writing more, and a message costs as much as its bytes. A keystroke never waits.
   */
  #mayWait(hasSentData: boolean): boolean {
    if (this.#isEnding || this.#closing !== undefined) return false;
    const { unsent } = this.#tunnel;
    if (unsent === 0) return this.#delivered < ACKNOWLEDGE_TOGETHER;
    if (this.#isHeld) return unsent < MAX_DATA_LENGTH;
    if (!hasSentData || unsent >= MAX_DATA_LENGTH) return false;
    this.#isHeld = true;
    queueMacrotask(() => this.#flush());
    return true;
  }

  /** Sends the next message and returns its number. Returns `undefined` if all are sent. */
  #sendNext(): number | undefined {
    const message = this.#tunnel.takeMessage(performance.now(), this.#socket!.memory);
    if (message === undefined) {
      this.#onSent?.();
      return undefined;
    }
    const number = message[0];
    if (number === TUNNEL_MESSAGE.ACKNOWLEDGE) this.#delivered = 0;
    this.#isFull = !this.#socket!.send(message);
    return number;
  }

  #onSilence(): void {
    const { where } = this.#socket!;
    const silence = `nothing arrived from ${where} for ${this.#link.silenceTimeout} ms`;
    this.#onEnd(new SshError("connection-lost", silence), true);
  }

  /** Handles a WebSocket that closed or stopped responding. */
  #onEnd(error: SshError, isLost: boolean): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#stopTimers();
    // The old WebSocket may still work, and closing it must not end the tunnel.
    // rule: web-resume-close-code
    void socket?.close(ABANDONED);
    if (this.#tunnel.isOver) return;
    const { reattach } = this.#link;
    // rule: web-resume-lost-only
    if (reattach === undefined || !isLost || !this.#tunnel.detach()) return this.#fail(error);
    if (this.#closing !== undefined) return this.#onSent?.();
    this.#handler?.suspended?.();
    this.#link.onChange(error);
    this.#reattaching = this.#attachAgain(reattach, error);
  }

  async #attachAgain(reattach: Reattach, lost: SshError): Promise<void> {
    try {
      this.#use(await reattach(this.#tunnel, lost, this.#over.signal));
    } catch (error) {
      return this.#fail(error as SshError);
    }
    if (this.#closing === undefined) this.#link.onChange(undefined);
    this.#handler?.resumed?.();
    this.#advance();
    // The last acknowledgement may have been lost, and a gateway with a full buffer waits for it.
    this.#flush();
  }

  #fail(error: SshError): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#failure ??= error;
    this.#stopTimers();
    void socket?.close(1000);
    this.#onSent?.();
    this.#deliver();
  }

  async #closeInTime(): Promise<void> {
    this.#handler = undefined;
    this.#isPaused = false;
    const timer = setTimeout(() => {
      this.#over.abort();
      this.#onSent?.();
    }, CLOSE_TIMEOUT);
    // The gateway keeps a tunnel that it does not see end, with its TCP connection, for `resumeTime`.
    await this.#reattaching;
    this.#advance();
    if (this.#socket !== undefined) await this.end();
    clearTimeout(timer);
    this.#stopTimers();
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close(1000);
  }
}
