import type { Connection } from "@nacre/connection";
import { SshError } from "@nacre/wire";
import type { Limits } from "./limits.ts";

/** Probes a silent peer, and reports an error if it stays silent. */
export class Keepalive {
  readonly #limits: Limits;
  readonly #connection: Connection;
  readonly #peer: "client" | "server";
  /** Time at which bytes last arrived or the last probe was sent. */
  #since = 0;
  #unanswered = 0;

  constructor(limits: Limits, connection: Connection, peer: "client" | "server") {
    this.#limits = limits;
    this.#connection = connection;
    this.#peer = peer;
  }

  /** Records that bytes arrived. */
  heard(now: number): void {
    this.#since = now;
    this.#unanswered = 0;
  }

  get deadline(): number | undefined {
    const { keepaliveInterval } = this.#limits;
    return keepaliveInterval === 0 ? undefined : this.#since + keepaliveInterval;
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
    // rule: keepalive-after-sleep
    this.#since = now;
    // `probe` sends nothing if too many requests are unanswered. Any bytes from the peer show that it is alive.
    this.#connection.probe(() => {});
    return undefined;
  }
}
