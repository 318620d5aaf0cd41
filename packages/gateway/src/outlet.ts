import type { Socket } from "node:net";
import type { Bytes } from "@nacre/wire";

/** Bytes from which a message is passed on without a copy. It keeps at most one read of its WebSocket in memory, 64 KiB. */
const LARGE = 32 * 1024;

/** Least size in bytes of the memory that shorter messages share. */
const SHARED_MEMORY = 4 * 1024;

/**
 * Writes messages to a TCP socket. While the socket is full, it copies short ones behind each other: a queued write costs hundreds of bytes
 * and keeps the memory of everything that was read with it.
 */
export class Outlet {
  readonly #socket: Socket;
  readonly #onWritten: () => void;
  #shared: Buffer | undefined;
  /** Bytes in use at the start of `#shared`. */
  #filled = 0;

  /** `onWritten` is called when the socket has passed bytes to the system, or has failed. */
  constructor(socket: Socket, onWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = () => {
      if (socket.writableLength === 0) this.flush();
      onWritten();
    };
  }

  /** Number of bytes that the system does not have yet. */
  get length(): number {
    return this.#socket.writableLength + this.#filled;
  }

  /** Writes a message; the outlet then owns its bytes. */
  write(bytes: Bytes): void {
    // rule: outlet-joins
    if (this.length > 0 && bytes.length < LARGE) return this.#copy(bytes);
    this.flush();
    this.#socket.write(bytes, this.#onWritten);
  }

  /** Passes all bytes to the socket. */
  flush(): void {
    const shared = this.#shared?.subarray(0, this.#filled);
    this.#shared = undefined;
    this.#filled = 0;
    if (shared !== undefined) this.#socket.write(shared, this.#onWritten);
  }

  /** Ends the socket's output after all bytes. */
  end(): void {
    this.flush();
    this.#socket.end();
  }

  #copy(bytes: Bytes): void {
    if (this.#filled + bytes.length > (this.#shared?.length ?? 0)) {
      this.flush();
      this.#shared = Buffer.allocUnsafeSlow(Math.max(SHARED_MEMORY, bytes.length));
    }
    this.#shared!.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }
}
