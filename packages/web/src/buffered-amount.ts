import type { WebSocketLike } from "./web-socket.ts";

/** A WebSocket with more buffered bytes than this is full. */
const HIGH_WATER = 1024 * 1024;

/** A full WebSocket has room again when this many bytes are left. */
const LOW_WATER = 256 * 1024;

/** Milliseconds between two looks, at first and at most. */
const FIRST_WAIT = 2;
const LONGEST_WAIT = 50;

/** Watches `bufferedAmount` of a WebSocket, which has no event for it: with a timer while somebody waits, and never otherwise. */
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

  /** Call this after each `send`. Returns whether there is room; if not, `onRoom` is called once there is. */
  hasRoom(): boolean {
    // rule: web-high-water
    if (this.#socket.bufferedAmount > HIGH_WATER) this.#isFull = true;
    if (this.#isFull) this.#schedule();
    return !this.#isFull;
  }

  /** Resolves when nothing is buffered, or the watch has stopped. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFlushed.push(resolve);
      this.look();
      if (this.#onFlushed.length > 0) this.#schedule();
    });
  }

  /** Looks now, if somebody waits: timers of a hidden page are slow, and its messages are not. */
  look(): void {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount === 0) for (const resolve of this.#onFlushed.splice(0)) resolve();
    if (!this.#isFull || bufferedAmount > LOW_WATER) return;
    this.#isFull = false;
    this.#wait = FIRST_WAIT;
    this.#onRoom();
  }

  /** Ends the watch: `onRoom` is not called any more. */
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
