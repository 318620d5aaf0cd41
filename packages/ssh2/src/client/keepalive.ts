import type { ConnectionMux } from "../connection.ts";

/** What a keepalive needs of its connection. */
export interface KeepaliveOptions {
  /** Milliseconds between two requests. */
  readonly interval: number;
  /** Unanswered requests after which the connection counts as lost. */
  readonly most: number;
  readonly isWritable: () => boolean;
  readonly lost: () => void;
}

const NO_DATA = new Uint8Array(0);

/** Sends requests in intervals after the login, as OpenSSH does. Any reply, also a refusal, shows that the server is there. */
export class Keepalive {
  readonly #mux: ConnectionMux;
  readonly #options: KeepaliveOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #unanswered = 0;

  constructor(mux: ConnectionMux, options: KeepaliveOptions) {
    this.#mux = mux;
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), options.interval);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { most, isWritable, lost } = this.#options;
    if (++this.#unanswered > most) {
      this.stop();
      lost();
      return;
    }
    if (!isWritable()) {
      this.stop();
      return;
    }
    try {
      this.#mux.globalRequest("keepalive@openssh.com", NO_DATA, (reply) => this.#answered(reply));
    } catch {
      // The connection ends, or too many requests wait: then the count goes on.
    }
  }

  #answered(reply: { readonly success: boolean; readonly error?: unknown }): void {
    if (!reply.success && reply.error !== undefined) return;
    this.#unanswered = 0;
    this.#timer.refresh();
  }
}
