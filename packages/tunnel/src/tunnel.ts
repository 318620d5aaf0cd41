import { type Bytes, SshError } from "@nacre/wire";
import type { TunnelEvent } from "./events.ts";
import { decodeTunnelMessage, encodeTunnelMessage, type TunnelMessage } from "./messages.ts";
import { ReceiveSide } from "./receive-side.ts";
import { type BufferGrowth, SendBuffer } from "./send-buffer.ts";

/** Messages of the bytes themselves; the others belong to a role's handshake. */
type StreamMessage = Extract<TunnelMessage, { type: "data" | "acknowledge" | "end" }>;

/** A message of a role's handshake. */
export type HandshakeMessage = Exclude<TunnelMessage, StreamMessage>;

/**
 * A byte connection that survives the loss of its WebSocket: both directions, for either role. Each side numbers its bytes, keeps them until the peer
 * acknowledges them, and sends the missing ones again on the next WebSocket. A driver passes in received messages and writes, takes events until
 * there is none, then takes messages while the WebSocket has room.
 */
export abstract class Tunnel {
  protected readonly sending: SendBuffer;
  protected readonly receiving: ReceiveSide = new ReceiveSide();
  readonly #events: TunnelEvent[] = [];
  readonly #handshake: Bytes[] = [];
  #wantsRoom = false;
  #isOver = false;

  protected constructor(growth: BufferGrowth) {
    this.sending = new SendBuffer(growth);
  }

  /** Whether a WebSocket carries the tunnel's bytes now. */
  abstract get isAttached(): boolean;

  /** Whether the last event was emitted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes kept for the peer. */
  get buffered(): number {
    return this.sending.buffered;
  }

  /**
   * Adds bytes to send, which belong to the tunnel from then on. Returns false when the buffer is full: wait for `writable`. Throws `usage` after
   * `end`, `closed` after the last event.
   */
  write(bytes: Bytes): boolean {
    this.#assertOpen();
    this.sending.write(bytes);
    this.#wantsRoom = this.sending.room === 0;
    return !this.#wantsRoom;
  }

  /**
   * As `write`, for bytes behind the number of a DATA message: saves a copy where the caller can leave a byte in front. What `takeMessage` returns may
   * be this memory, which must not change.
   */
  writeMessage(message: Bytes): boolean {
    this.#assertOpen();
    this.sending.writeMessage(message);
    this.#wantsRoom = this.sending.room === 0;
    return !this.#wantsRoom;
  }

  /** Ends this direction. The other stays open. Throws `closed` after the last event. */
  end(): void {
    this.#assertOpen();
    this.sending.end();
  }

  /** Reports `length` bytes of `data` events as handled: the peer may send as many again. */
  consumed(length: number): void {
    this.receiving.consume(length);
  }

  /**
   * Acknowledges everything consumed with the next message. Call it when no bytes have moved for a second: few bytes are not acknowledged otherwise,
   * and stay in the peer's memory.
   */
  acknowledgeAll(): void {
    this.receiving.acknowledgeAll();
  }

  /** Takes one message of the WebSocket that is current; its bytes belong to the tunnel from then on. Violations end the tunnel with a `closed` event. `now`: milliseconds of a steady clock. */
  receive(bytes: Uint8Array, now: number): void {
    if (this.#isOver) return;
    try {
      this.#receive(decodeTunnelMessage(bytes), now);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.fail(error);
    }
  }

  /** Ends the tunnel without a message or an event, and frees what it keeps. */
  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.sending.release();
  }

  /** Returns the next event, or `undefined`. */
  nextEvent(): TunnelEvent | undefined {
    return this.#events.shift();
  }

  /** Returns the next message for the current WebSocket, or `undefined`. Messages left untaken stay in the tunnel and survive the WebSocket. */
  takeMessage(now: number): Bytes | undefined {
    const first = this.#handshake.shift();
    if (first !== undefined || this.#isOver || !this.isAttached) return first;
    const consumed = this.receiving.takeAcknowledgement();
    if (consumed !== undefined) {
      this.#finishIfDone();
      return encodeTunnelMessage({ type: "acknowledge", consumed });
    }
    return this.sending.takeMessage(now);
  }

  protected emit(event: TunnelEvent): void {
    this.#events.push(event);
  }

  protected send(message: HandshakeMessage): void {
    this.#handshake.push(encodeTunnelMessage(message));
  }

  /** Drops handshake messages for a WebSocket that was lost. */
  protected clearHandshake(): void {
    this.#handshake.length = 0;
  }

  /** Ends the tunnel because of an error, once. */
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
    if (!this.isAttached) throw new SshError("unexpected-message", `a tunnel's ${type} message before it is open`);
  }

  #assertOpen(): void {
    if (this.#isOver) throw new SshError("closed", "the tunnel has ended");
  }
}
