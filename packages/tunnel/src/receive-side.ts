import { SshError } from "@nacre/wire";
import { MAX_SEND_BUFFER } from "./limits.ts";

/** Counts received bytes and decides when to acknowledge them. */
export class ReceiveSide {
  readonly #acknowledgesEvery: number;
  #received = 0;
  #consumed = 0;
  #acknowledged = 0;
  #hasEnded = false;
  /** Whether to acknowledge any number of consumed bytes next time. */
  #wantsAll = false;
  /** Whether the last acknowledgement may have been lost with its WebSocket. */
  #mayBeLost = false;

  /** `acknowledgesEvery` is the number of consumed bytes after which an acknowledgement is due. */
  constructor(acknowledgesEvery: number) {
    this.#acknowledgesEvery = acknowledgesEvery;
  }

  /** Position up to which all bytes were received. */
  get received(): number {
    return this.#received;
  }

  /** Whether all bytes and END were consumed and acknowledged. */
  get isFinished(): boolean {
    return this.#hasEnded && this.#acknowledged === this.#received;
  }

  /**
   * Counts the bytes of a DATA message. Throws `unexpected-message` after END, or `window-exceeded` if too many bytes are unacknowledged.
   */
  data(length: number): void {
    // rule: tunnel-data-after-end
    if (this.#hasEnded) throw new SshError("unexpected-message", "tunnel data after END");
    // rule: tunnel-window
    if (this.#received + length - this.#acknowledged > MAX_SEND_BUFFER)
      throw new SshError("window-exceeded", `the peer sent more than ${MAX_SEND_BUFFER} unacknowledged tunnel bytes`);
    this.#received += length;
  }

  /** Counts END. Throws `unexpected-message` if END arrived before. */
  end(): void {
    // rule: tunnel-second-end
    if (this.#hasEnded) throw new SshError("unexpected-message", "a second tunnel END");
    this.#hasEnded = true;
    this.#received++;
    this.#consumed++;
  }

  /** Counts bytes that the application consumed. Throws `internal` if it exceeds the received bytes. */
  consume(length: number): void {
    this.#consumed += length;
    if (this.#consumed > this.#received) throw new SshError("internal", "more tunnel bytes consumed than received");
  }

  /** Schedules the last acknowledgement again for a new WebSocket, because a sender with a full buffer waits for it. */
  attached(): void {
    this.#mayBeLost = this.#acknowledged > 0;
  }

  /** Makes the next acknowledgement due, even for few bytes. */
  acknowledgeAll(): void {
    this.#wantsAll = true;
  }

  /** Returns the position to acknowledge now, or `undefined` if no acknowledgement is due. */
  takeAcknowledgement(): number | undefined {
    const due = this.#consumed - this.#acknowledged;
    const isComplete = this.#hasEnded && this.#consumed === this.#received;
    const isEnough = due >= this.#acknowledgesEvery || isComplete || this.#wantsAll;
    this.#wantsAll = false;
    if (!this.#mayBeLost && (due === 0 || !isEnough)) return undefined;
    this.#mayBeLost = false;
    this.#acknowledged = this.#consumed;
    return this.#consumed;
  }
}
