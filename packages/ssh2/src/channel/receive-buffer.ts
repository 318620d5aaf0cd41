import type { Readable } from "node:stream";
import { bufferOf } from "@nacre/node/extend";
import type { Bytes } from "@nacre/wire";
import { Backlog } from "nacre/extend";
import { MAX_WINDOW } from "./direction.ts";

/** Bytes that a stream itself holds. What waits beyond them is joined, so that many tiny messages take little memory. */
export const READABLE_HIGH_WATER: number = 64 * 1024;

/**
 * Passes received bytes into a readable stream. Returns window credit on arrival while less than 2 MiB are unread. Programs rely on this
 * when they read one stream of a channel to its end before the other.
 */
export class ReceiveBuffer {
  readonly #readable: Readable;
  /** Returns window credit to the peer. */
  readonly #consumed: (bytes: number) => void;
  readonly #backlog = new Backlog();
  /** Bytes in the backlog. */
  #waiting = 0;
  /** Bytes whose credit has not returned. */
  #owed = 0;
  /** Whether the stream asked for more. */
  #wants = true;
  #isOver = false;

  constructor(readable: Readable, consumed: (bytes: number) => void) {
    this.#readable = readable;
    this.#consumed = consumed;
  }

  /** Takes bytes of the peer, which nothing else uses. */
  data(bytes: Bytes): void {
    if (this.#isOver) return;
    this.#owed += bytes.length;
    try {
      if (this.#readable.destroyed) return;
      if (this.#wants && this.#waiting === 0) this.#push(bytes);
      else {
        this.#backlog.push(bytes, bytes.length);
        this.#waiting += bytes.length;
      }
    } finally {
      // A listener of "data" may throw.
      this.#returnCredit();
    }
  }

  /** Passes the end of the stream on, after the bytes that wait. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#waiting === 0) this.#readable.push(null);
  }

  /** Moves waiting bytes into the stream. Its `_read` calls this. */
  read(): void {
    this.#wants = true;
    while (this.#wants && this.#waiting > 0) {
      const { bytes } = this.#backlog.shift()!;
      this.#waiting -= bytes.length;
      this.#push(bytes);
      if (this.#isOver && this.#waiting === 0) this.#readable.push(null);
    }
    this.#returnCredit();
  }

  #push(bytes: Bytes): void {
    // Copies a small part, so that its large buffer can be freed.
    const isPart = 2 * bytes.length < bytes.buffer.byteLength;
    const chunk = isPart ? Buffer.from(bytes) : bufferOf(bytes);
    // A listener of "data" may call `read`, or throw.
    this.#wants = false;
    let wants = true;
    try {
      wants = this.#readable.push(chunk);
    } finally {
      this.#wants = wants;
    }
  }

  #returnCredit(): void {
    const unread = this.#readable.destroyed ? 0 : this.#readable.readableLength + this.#waiting;
    if (this.#owed === 0 || unread >= MAX_WINDOW) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.#consumed(owed);
  }
}
