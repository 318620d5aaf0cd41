import type { Duplex, DuplexHandler } from "nacre";

/** Stands in for a byte connection: takes as many bytes as it has room for, and says what was asked of it. */
export class FakeDuplex implements Duplex {
  handler!: DuplexHandler;
  /** Bytes that it takes before `write` returns false. What is written beyond that waits for `makeRoom`. */
  room = Number.POSITIVE_INFINITY;
  paused = false;
  /** One entry for each call of `write`. */
  readonly writes: string[] = [];
  readonly calls: string[] = [];
  /** What `close` waits for. */
  closing: Promise<void> = Promise.resolve();
  #onEnd: (() => void) | undefined;

  open(handler: DuplexHandler): void {
    this.handler = handler;
  }

  /** Everything that was written. */
  get written(): string {
    return this.writes.join("");
  }

  /** Bytes that were written and not taken. */
  get waiting(): number {
    return Math.max(0, -this.room);
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.calls.includes("end") || this.calls.includes("close")) throw new Error("bytes were written after the end");
    const bytes = Buffer.concat(pieces);
    this.writes.push(bytes.toString("latin1"));
    this.room -= bytes.length;
    return this.room > 0;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): Promise<void> {
    this.calls.push("end");
    return new Promise((resolve) => {
      if (this.waiting === 0) resolve();
      else this.#onEnd = resolve;
    });
  }

  close(): Promise<void> {
    if (!this.calls.includes("close")) this.calls.push("close");
    return this.closing;
  }

  /** Takes so many bytes. */
  makeRoom(bytes: number): void {
    const wasFull = this.room <= 0;
    this.room += bytes;
    if (this.waiting === 0) this.#onEnd?.();
    if (wasFull && this.room > 0) this.handler.drained();
  }

  /** The connection breaks. */
  break(cause: unknown): void {
    this.handler.failed(cause);
    this.#onEnd?.();
  }
}
