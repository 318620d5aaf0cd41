import { MAX_MESSAGE_LENGTH } from "@nacre/tunnel";

/** Most free slabs that a pool keeps: 64 MiB. `trim` frees those that the present load does not need. */
const MAX_FREE = 1024;

/** The part of a WebSocket that sends messages. */
interface Sending {
  /** Sends a message, and calls `sent` once the system has it or the WebSocket has failed. */
  sendMessage(message: Uint8Array, sent?: () => void): void;
}

/** Property of a slab's memory that leads from a view to the slab. A WeakMap takes longer. */
const SLAB = Symbol("slab");

/** Memory of a view, which may be that of a slab. */
type Memory = ArrayBuffer & { [SLAB]?: Slab };

/** Memory for one message of up to 64 KiB, used again when all holders have released it. */
export class Slab {
  readonly memory: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(MAX_MESSAGE_LENGTH);
  readonly #free: Slab[];
  #holders = 0;

  constructor(free: Slab[]) {
    this.#free = free;
    (this.memory.buffer as Memory)[SLAB] = this;
  }

  /** Keeps the memory from being used again until `release` is called once more. */
  hold(): void {
    this.#holders++;
  }

  /** Ends one `hold`. The caller must not use the memory afterwards. */
  release(): void {
    // rule: slab-holders
    if (--this.#holders !== 0) return;
    if (this.#free.length < MAX_FREE) this.#free.push(this);
  }
}

/**
 * Slabs that all connections share. Without them, the gateway would allocate 64 KiB for each message, and V8 would collect garbage after
 * every 16 MiB, which costs more CPU time than moving the data.
 */
export class SlabPool {
  readonly #free: Slab[] = [];
  /** Least number of free slabs since the last `trim`. */
  #least = 0;

  /** Number of free slabs. */
  get free(): number {
    return this.#free.length;
  }

  /** Returns a slab, held by the caller. Its content is that of earlier messages: write before you send. */
  take(): Slab {
    const slab = this.#free.pop() ?? new Slab(this.#free);
    this.#least = Math.min(this.#least, this.#free.length);
    slab.hold();
    return slab;
  }

  /** Sends a message. If it is in a slab, holds it until the WebSocket has passed it to the system. Then calls `sent`. */
  send(ws: Sending, message: Uint8Array<ArrayBuffer>, sent?: () => void): void {
    const slab = this.of(message);
    if (slab === undefined) return ws.sendMessage(message, sent);
    // rule: slab-held-while-sent
    slab.hold();
    ws.sendMessage(message, () => {
      slab.release();
      sent?.();
    });
  }

  /** Drops half of the slabs that were free since the last call. The gateway calls it once a second. */
  trim(): void {
    this.#free.length -= Math.ceil(this.#least / 2);
    this.#least = this.#free.length;
  }

  /** Returns the slab that contains `bytes`, or `undefined` if they are in other memory. */
  of(bytes: Uint8Array<ArrayBuffer>): Slab | undefined {
    return (bytes.buffer as Memory)[SLAB];
  }
}
