import type { ConnectionMux } from "../connection.ts";

/** A connection as its keepalive uses it. */
export interface KeepaliveOptions {
  /** Milliseconds between two requests. */
  readonly interval: number;
  /** Unanswered requests after which the connection counts as lost. */
  readonly maxUnanswered: number;
  readonly isWritable: () => boolean;
  readonly lost: () => void;
}

const NO_DATA = new Uint8Array(0);

/** Sends a request at each interval after the login. Any reply, even a refusal, proves that the server is alive. */
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
    const { maxUnanswered, isWritable, lost } = this.#options;
    if (++this.#unanswered > maxUnanswered) {
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
      // The connection is ending or too many requests are pending. The missed request counts as unanswered.
    }
  }

  #answered(reply: { readonly success: boolean; readonly error?: unknown }): void {
    if (!reply.success && reply.error !== undefined) return;
    this.#unanswered = 0;
    this.#timer.refresh();
  }
}
