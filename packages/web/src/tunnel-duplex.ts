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

/** Longest delay in milliseconds of a timer in a hidden page: browsers run them once a minute. */
const HIDDEN_DELAY = 60_000;

/** Carrier of the tunnel: a WebSocket, the wait for another one, or none after the end. */
type Carrier =
  | { readonly kind: "socket"; readonly socket: MessageSocket; isFull: boolean }
  /** The WebSocket was lost. `done` resolves when another one carries the tunnel, or none can. */
  | { readonly kind: "reattaching"; readonly done: Promise<void> }
  /** The connection has ended. The handler receives `failure` after all bytes; `undefined` if this side closed it. */
  | { readonly kind: "over"; readonly failure: SshError | undefined };

/** Who gets the received bytes. */
type Reader =
  /** Until `open`, events stay in the tunnel. */
  | { readonly kind: "none" }
  /** The handler must not be called before `open` returns. */
  | { readonly kind: "opening" | "open"; readonly handler: DuplexHandler; isPaused: boolean }
  /** After `close`, bytes are dropped, so that the gateway can finish sending. */
  | { readonly kind: "gone" };

/** The direction to the server. */
type Output =
  | { readonly kind: "open" }
  /** `sent` resolves when the gateway has all messages, or can have no more of them. */
  | { readonly kind: "ending"; readonly sent: Promise<void>; readonly onSent: () => void };

/** A byte connection that survives the loss of its WebSocket. */
export class TunnelDuplex implements Duplex {
  readonly #tunnel: ClientTunnel;
  readonly #link: TunnelLink;
  readonly #silence: SilenceWatch;
  readonly #rest: SilenceWatch;
  readonly #lull: SilenceWatch;
  /** Aborts reattaching when the connection was closed and the time is up. */
  readonly #timeUp = new AbortController();
  /** Bytes received while paused. They are not acknowledged, so the tunnel bounds them. */
  readonly #unread = new Backlog();
  #carrier: Carrier;
  #reader: Reader = { kind: "none" };
  #output: Output = { kind: "open" };
  /** The direction from the server. Its end reaches the handler after all bytes. */
  #input: "open" | "end unread" | "ended" = "open";
  /** Number of bytes delivered since the last acknowledgement. */
  #delivered = 0;
  /** Whether a short message waits for the next round of the event loop. */
  #isHeld = false;
  /** Time of the last message. */
  #now = 0;
  #closing: Promise<void> | undefined;

  /** `socket` must already carry the tunnel. */
  constructor(tunnel: ClientTunnel, socket: MessageSocket, link: TunnelLink) {
    this.#tunnel = tunnel;
    this.#link = link;
    this.#silence = new SilenceWatch(link.silenceTimeout, (late) => this.#onSilence(late));
    this.#rest = new SilenceWatch(REST, () => {
      this.#tunnel.acknowledgeAll();
      this.#flush();
    });
    this.#lull = new SilenceWatch(LULL, () => this.#flush());
    this.#carrier = this.#use(socket);
  }

  open(handler: DuplexHandler): void {
    const opening: Reader = { kind: "opening", handler, isPaused: false };
    this.#reader = opening;
    queueMicrotask(() => {
      if (this.#reader !== opening) return;
      this.#reader = { ...opening, kind: "open" };
      if (this.#carrier.kind === "reattaching") handler.suspended?.();
      this.#advance();
    });
  }

  write(pieces: readonly Bytes[]): boolean {
    if (this.#isOver) return true;
    let hasRoom = true;
    for (const piece of pieces) hasRoom = this.#tunnel.write(piece);
    this.#pump();
    return hasRoom;
  }

  pause(): void {
    if ("isPaused" in this.#reader) this.#reader.isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    if ("isPaused" in this.#reader) this.#reader.isPaused = false;
    this.#advance();
    // No data may follow that would start `#lull`, if the gateway has little memory left.
    this.#flush();
  }

  end(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    if (this.#output.kind === "open") {
      this.#tunnel.end();
      let onSent!: () => void;
      const sent = new Promise<void>((resolve) => {
        onSent = resolve;
      });
      this.#output = { kind: "ending", sent, onSent };
    }
    this.#pump();
    return this.#output.sent;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeInTime();
    return this.#closing;
  }

  /** Whether nothing more can be sent. */
  get #isOver(): boolean {
    return this.#carrier.kind === "over" || this.#tunnel.isOver;
  }

  get #isPaused(): boolean {
    return "isPaused" in this.#reader && this.#reader.isPaused;
  }

  /** The handler, while it may be called. */
  get #handler(): DuplexHandler | undefined {
    return this.#reader.kind === "open" ? this.#reader.handler : undefined;
  }

  #stopTimers(): void {
    this.#silence.stop();
    this.#rest.stop();
    this.#lull.stop();
  }

  /** Returns a WebSocket that carries the tunnel from now on. */
  #use(socket: MessageSocket): Carrier {
    const carrier: Carrier = { kind: "socket", socket, isFull: false };
    this.#silence.arrived(performance.now());
    socket.start({
      message: (bytes) => {
        this.#now = performance.now();
        this.#silence.arrived(this.#now);
        this.#tunnel.receive(bytes, this.#now);
        this.#advance();
      },
      drained: () => {
        carrier.isFull = false;
        this.#pump();
      },
      closed: ({ error, isLost }) => this.#onEnd(error, isLost),
    });
    return carrier;
  }

  /** Handles all tunnel events and sends pending messages. */
  #advance(): void {
    // Before `open`, events remain queued in the tunnel.
    if (this.#reader.kind === "none" || this.#reader.kind === "opening") return;
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
        this.#input = "end unread";
        return;
      case "closed":
        this.#fail(event.error);
        return;
      case "finished":
        this.#stopTimers();
        if (this.#carrier.kind === "socket") void this.#carrier.socket.close(1000);
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
    if (this.#input === "end unread") {
      this.#input = "ended";
      this.#handler?.ended();
    }
    if (this.#carrier.kind !== "over" || this.#carrier.failure === undefined || this.#reader.kind !== "open") return;
    const { handler } = this.#reader;
    this.#reader = { kind: "gone" };
    handler.failed(this.#carrier.failure);
  }

  /** Sends pending messages, except one that may wait. */
  #pump(): void {
    let last: number | undefined;
    while (this.#canSend() && !this.#mayWait(last === TUNNEL_MESSAGE.DATA)) {
      last = this.#sendNext();
      if (last === undefined) return;
    }
  }

  /** Sends all pending messages. */
  #flush(): void {
    this.#isHeld = false;
    while (this.#canSend()) if (this.#sendNext() === undefined) return;
  }

  #canSend(): boolean {
    return this.#carrier.kind === "socket" && !this.#carrier.isFull;
  }

  /**
   * Returns whether the next message may wait. An acknowledgement waits for more of them. Data that follow full messages wait for the next
   * round of the event loop: the application may be writing more, and each message costs the browser time. An upload sends 17 messages per
   * MiB instead of 32. A keystroke never waits.
   */
  #mayWait(hasSentData: boolean): boolean {
    if (this.#input !== "open" || this.#output.kind !== "open" || this.#closing !== undefined) return false;
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
    if (this.#carrier.kind !== "socket") return undefined;
    const { socket } = this.#carrier;
    const message = this.#tunnel.takeMessage(performance.now(), socket.memory);
    if (message === undefined) {
      this.#stopWaiting();
      return undefined;
    }
    const number = message[0];
    if (number === TUNNEL_MESSAGE.ACKNOWLEDGE) this.#delivered = 0;
    this.#carrier.isFull = !socket.send(message);
    return number;
  }

  /** Lets `end` resolve. */
  #stopWaiting(): void {
    if (this.#output.kind === "ending") this.#output.onSent();
  }

  #onSilence(late: number): void {
    if (this.#carrier.kind !== "socket") return;
    // The timer of the SSH keepalive may be late, too. The page may be shown at any time.
    if (globalThis.document?.hidden && late < HIDDEN_DELAY) return this.#silence.arm(1000);
    const silence = `nothing arrived from ${this.#carrier.socket.where} for ${this.#link.silenceTimeout} ms`;
    this.#onEnd(new SshError("connection-lost", silence), true);
  }

  /** Handles a WebSocket that closed or stopped responding. */
  #onEnd(error: SshError, isLost: boolean): void {
    this.#stopTimers();
    // The old WebSocket may still work, and closing it must not end the tunnel.
    // rule: web-resume-close-code
    void this.#leaveSocket(ABANDONED);
    if (this.#tunnel.isOver) return;
    const { reattach } = this.#link;
    // rule: web-resume-lost-only
    if (reattach === undefined || !isLost || !this.#tunnel.detach()) return this.#fail(error);
    if (this.#closing !== undefined) return this.#stopWaiting();
    this.#handler?.suspended?.();
    this.#link.onChange(error);
    this.#carrier = { kind: "reattaching", done: this.#attachAgain(reattach, error) };
  }

  async #attachAgain(reattach: Reattach, lost: SshError): Promise<void> {
    try {
      this.#carrier = this.#use(await reattach(this.#tunnel, lost, this.#timeUp.signal));
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
    this.#stopTimers();
    void this.#leaveSocket(1000);
    const earlier = this.#carrier.kind === "over" ? this.#carrier.failure : undefined;
    this.#carrier = { kind: "over", failure: earlier ?? error };
    this.#stopWaiting();
    this.#deliver();
  }

  /** Closes the WebSocket, if there is one, and forgets it. */
  async #leaveSocket(code: number): Promise<void> {
    if (this.#carrier.kind !== "socket") return;
    const { socket } = this.#carrier;
    this.#carrier = { kind: "over", failure: undefined };
    await socket.close(code);
  }

  async #closeInTime(): Promise<void> {
    this.#reader = { kind: "gone" };
    const timer = setTimeout(() => {
      this.#timeUp.abort();
      this.#stopWaiting();
    }, CLOSE_TIMEOUT);
    // The gateway keeps a tunnel that it does not see end, with its TCP connection, for `resumeTime`.
    if (this.#carrier.kind === "reattaching") await this.#carrier.done;
    this.#advance();
    if (this.#carrier.kind === "socket") await this.end();
    clearTimeout(timer);
    this.#stopTimers();
    await this.#leaveSocket(1000);
  }
}
