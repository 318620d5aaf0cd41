import type { Connection } from "@nacre/connection";
import { SshError } from "@nacre/wire";
import type { Limits } from "./limits.ts";

/** Probes a silent peer, and reports an error if it stays silent. */
export class Keepalive {
  readonly #limits: Limits;
  readonly #connection: Connection;
  readonly #peer: "client" | "server";
  /** Time for the next probe, counted from the last bytes or the last probe; `undefined` for never. */
  deadline: number | undefined;
  #unanswered = 0;

  constructor(limits: Limits, connection: Connection, peer: "client" | "server") {
    this.#limits = limits;
    this.#connection = connection;
    this.#peer = peer;
  }

  /** Records that bytes arrived. */
  heard(now: number): void {
    const { keepaliveInterval } = this.#limits;
    this.#unanswered = 0;
    if (keepaliveInterval > 0) this.deadline = now + keepaliveInterval;
  }

  /** Sends a probe if one is due. Returns the error that ends the connection if the peer stayed silent too long. */
  tick(now: number): SshError | undefined {
    if (now < (this.deadline ?? Infinity)) return undefined;
    const { keepaliveInterval, keepaliveCount } = this.#limits;
    if (this.#unanswered >= keepaliveCount) {
      const seconds = Math.round((keepaliveInterval * (keepaliveCount + 1)) / 1000);
      return new SshError("keepalive-timeout", `the ${this.#peer} has sent nothing for ${seconds} s`);
    }
    this.#unanswered++;
    // Each probe gets a full interval for its answer, even if the computer slept through several intervals.
    this.deadline = now + keepaliveInterval;
    // `probe` sends nothing if too many requests are unanswered. Any bytes from the peer show that it is alive.
    this.#connection.probe(() => {});
    return undefined;
  }
}
