import { type Bytes, SshError } from "@nacre/wire";
import type { TunnelEvent } from "./events.ts";
import { decodeTunnelMessage, encodeTunnelMessage, type TunnelMessage } from "./messages.ts";
import { ReceiveSide } from "./receive-side.ts";
import type { SendBuffer } from "./send-buffer.ts";

/** Messages of the byte stream. All other messages belong to the handshake. */
type StreamMessage = Extract<TunnelMessage, { type: "data" | "acknowledge" | "end" }>;

/** Handshake message, handled by the client or the gateway role. */
export type HandshakeMessage = Exclude<TunnelMessage, StreamMessage>;

/**
 * A byte connection that survives the loss of its WebSocket, for both roles. Each side numbers its bytes, keeps them until the peer
 * acknowledges them, and sends missing bytes again on the next WebSocket.
 *
 * The driver passes in received messages and bytes to write. It then reads all events, and reads messages to send while the WebSocket has
 * room.
 */
export abstract class Tunnel {
  protected readonly sending: SendBuffer;
  protected readonly receiving: ReceiveSide;
  readonly #events: TunnelEvent[] = [];
  readonly #handshake: Bytes[] = [];
  #wantsRoom = false;
  #isOver = false;

  /** `acknowledgesEvery` is the number of consumed bytes after which the tunnel acknowledges. */
  protected constructor(acknowledgesEvery: number, sending: SendBuffer) {
    this.receiving = new ReceiveSide(acknowledgesEvery);
    this.sending = sending;
  }

  /** Whether the tunnel is attached to a WebSocket. */
  abstract get isAttached(): boolean;

  /** Whether the tunnel has ended. Queued events can remain. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Number of bytes that the peer has not acknowledged. */
  get buffered(): number {
    return this.sending.buffered;
  }

  /** Number of written bytes that `takeMessage` has not returned yet. */
  get unsent(): number {
    return this.sending.unsent;
  }

  /**
   * Adds bytes to send; the tunnel then owns them. Returns false if the buffer is full: wait for `writable`. Throws `usage` after `end`,
   * or `closed` after the last event.
   */
  write(bytes: Bytes): boolean {
    this.assertOpen();
    this.sending.write(bytes);
    return this.hasRoom();
  }

  /** Ends this direction; the other one remains open. Throws `closed` after the last event. */
  end(): void {
    this.assertOpen();
    this.sending.end();
  }

  /** Reports `length` bytes of `data` events as handled. The peer can then send that many more. */
  consumed(length: number): void {
    this.receiving.consume(length);
  }

  /**
   * Makes the next message acknowledge all consumed bytes. Call it after one second without data. Otherwise up to 128 KiB at
   * the gateway, or 256 KiB at the client, remain unacknowledged in memory.
   */
  acknowledgeAll(): void {
    this.receiving.acknowledgeAll();
  }

  /**
   * Handles one message of the current WebSocket; the tunnel then owns its bytes. A violation ends the tunnel with a `closed` event. `now`
   * is in milliseconds of a monotonic clock.
   */
  receive(bytes: Uint8Array, now: number): void {
    if (this.#isOver) return;
    try {
      this.#receive(decodeTunnelMessage(bytes), now);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.fail(error);
    }
  }

  /** Ends the tunnel without a message or an event, and frees its buffers. */
  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.sending.release();
  }

  /** Returns the next event, or `undefined` if the queue is empty. */
  nextEvent(): TunnelEvent | undefined {
    return this.#events.shift();
  }

  /**
   * Returns the next message for the current WebSocket, or `undefined`. Messages that were not taken survive the loss of the WebSocket. A
   * message with written bytes is copied to `memory` if it is given: `MAX_MESSAGE_LENGTH` bytes that nothing else uses.
   * `now` is in milliseconds of a monotonic clock.
   */
  takeMessage(now: number, memory?: Bytes): Bytes | undefined {
    if (this.#handshake.length > 0) return this.#handshake.shift();
    if (this.#isOver || !this.isAttached) return undefined;
    const consumed = this.receiving.takeAcknowledgement();
    if (consumed !== undefined) {
      this.#finishIfDone();
      return encodeTunnelMessage({ type: "acknowledge", consumed });
    }
    return this.sending.takeMessage(now, memory);
  }

  /** Throws `closed` after the last event. */
  protected assertOpen(): void {
    if (this.#isOver) throw new SshError("closed", "the tunnel has ended");
  }

  /** Returns whether the send buffer has room. If it has none, a `writable` event follows when it has. */
  protected hasRoom(): boolean {
    this.#wantsRoom = this.sending.room === 0;
    return !this.#wantsRoom;
  }

  protected emit(event: TunnelEvent): void {
    this.#events.push(event);
  }

  protected send(message: HandshakeMessage): void {
    this.#handshake.push(encodeTunnelMessage(message));
  }

  /** Drops queued handshake messages after the loss of their WebSocket. */
  protected clearHandshake(): void {
    this.#handshake.length = 0;
  }

  /** Ends the tunnel with an error. Has no effect on an ended tunnel. */
  protected fail(error: SshError): void {
    this.#close({ type: "closed", error });
  }

  protected abstract receiveHandshake(message: HandshakeMessage): void;

  #receive(message: TunnelMessage, now: number): void {
    switch (message.type) {
      case "data":
        this.#assertAttached(message);
        this.receiving.data(message.data.length);
        return this.emit({ type: "data", data: message.data as Bytes });
      case "end":
        this.#assertAttached(message);
        this.receiving.end();
        return this.emit({ type: "end" });
      case "acknowledge":
        this.#assertAttached(message);
        this.sending.acknowledge(message.consumed, now);
        if (this.#wantsRoom && this.sending.room > 0) {
          this.#wantsRoom = false;
          this.emit({ type: "writable" });
        }
        return this.#finishIfDone();
      default:
        return this.receiveHandshake(message);
    }
  }

  #finishIfDone(): void {
    if (this.sending.isFinished && this.receiving.isFinished) this.#close({ type: "finished" });
  }

  #close(event: TunnelEvent): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.sending.release();
    this.#events.push(event);
  }

  #assertAttached({ type }: StreamMessage): void {
    // rule: tunnel-before-attach
    if (!this.isAttached) throw new SshError("unexpected-message", `${type} before the tunnel is open`);
  }
}
