import { type Bytes, concatBytes } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre";
import { latin1 } from "../bytes.ts";

/** Fake byte connection. Accepts as many bytes as it has room for, and records calls. */
export class FakeDuplex implements Duplex {
  handler!: DuplexHandler;
  /** Bytes it accepts before `write` returns false. Further bytes wait for `makeRoom`. */
  room = Number.POSITIVE_INFINITY;
  paused = false;
  /** Whether `write` detaches the buffers of all pieces. */
  detaches = false;
  /** Bytes of each `write` call, as latin1. */
  readonly writes: string[] = [];
  readonly calls: string[] = [];
  /** Promise that `close` returns. */
  closing: Promise<void> = Promise.resolve();
  #onEnd: (() => void) | undefined;

  open(handler: DuplexHandler): void {
    this.handler = handler;
  }

  /** All written bytes, as latin1. */
  get written(): string {
    return this.writes.join("");
  }

  /** Number of bytes written but not yet accepted. */
  get waiting(): number {
    return Math.max(0, -this.room);
  }

  write(pieces: readonly Bytes[]): boolean {
    if (this.calls.includes("end") || this.calls.includes("close"))
      throw new Error("`write` called after `end` or `close`");
    const bytes = concatBytes(...pieces);
    this.writes.push(latin1(bytes));
    // A socket may do this as well. Anything else that still uses a buffer finds it empty.
    for (const { buffer } of this.detaches ? pieces : []) structuredClone(buffer, { transfer: [buffer] });
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

  /** Accepts this many more bytes. */
  makeRoom(bytes: number): void {
    const wasFull = this.room <= 0;
    this.room += bytes;
    if (this.waiting === 0) this.#onEnd?.();
    if (wasFull && this.room > 0) this.handler.drained();
  }

  /** Simulates a broken connection. */
  break(cause: unknown): void {
    this.handler.failed(cause);
    this.#onEnd?.();
  }
}
