import type { WebSocketLike } from "./web-socket.ts";

/** High-water mark: a WebSocket with more buffered bytes is full. */
const HIGH_WATER = 1024 * 1024;

/** Low-water mark: a full WebSocket has room again at this many buffered bytes. */
const LOW_WATER = 256 * 1024;

/** Initial and maximum polling interval in milliseconds. */
const FIRST_WAIT = 2;
const LONGEST_WAIT = 50;

/** Polls `bufferedAmount` of a WebSocket, because WebSockets have no drain event. The timer runs only while a caller waits. */
export class BufferedAmount {
  readonly #socket: Pick<WebSocketLike, "bufferedAmount">;
  readonly #onRoom: () => void;
  readonly #onFlushed: (() => void)[] = [];
  #isFull = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wait = FIRST_WAIT;

  constructor(socket: Pick<WebSocketLike, "bufferedAmount">, onRoom: () => void) {
    this.#socket = socket;
    this.#onRoom = onRoom;
  }

  /** Returns whether the WebSocket has room. If not, calls `onRoom` when it has room again. Call this after each `send`. */
  hasRoom(): boolean {
    if (this.#socket.bufferedAmount > HIGH_WATER) this.#isFull = true;
    if (this.#isFull) this.#schedule();
    return !this.#isFull;
  }

  /** Resolves when the buffer is empty, or after `stop`. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFlushed.push(resolve);
      this.look();
      if (this.#onFlushed.length > 0) this.#schedule();
    });
  }

  /** Polls immediately. A hidden page throttles timers but not messages, so each message triggers a poll. */
  look(): void {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount === 0) for (const resolve of this.#onFlushed.splice(0)) resolve();
    if (!this.#isFull || bufferedAmount > LOW_WATER) return;
    this.#isFull = false;
    this.#wait = FIRST_WAIT;
    this.#onRoom();
  }

  /** Stops polling. `onRoom` is not called afterwards. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isFull = false;
    for (const resolve of this.#onFlushed.splice(0)) resolve();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
      this.look();
      if (this.#isFull || this.#onFlushed.length > 0) this.#schedule();
    }, this.#wait);
  }
}
