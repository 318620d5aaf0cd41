import type { Connection } from "@nacre/connection";
import { SshError } from "@nacre/wire";
import type { Limits } from "./limits.ts";

/** Probes a silent peer, and gives it up when it stays silent. */
export class Keepalive {
  readonly #limits: Limits;
  readonly #connection: Connection;
  readonly #peer: "client" | "server";
  /** When bytes last arrived, or the last probe left. */
  #since = 0;
  #unanswered = 0;

  constructor(limits: Limits, connection: Connection, peer: "client" | "server") {
    this.#limits = limits;
    this.#connection = connection;
    this.#peer = peer;
  }

  /** Bytes have come. */
  heard(now: number): void {
    this.#since = now;
    this.#unanswered = 0;
  }

  get deadline(): number | undefined {
    const { keepaliveInterval } = this.#limits;
    return keepaliveInterval === 0 ? undefined : this.#since + keepaliveInterval;
  }

  /** Probes the peer when it is time to. Returns the error to end with when the peer stayed silent for too long. */
  tick(now: number): SshError | undefined {
    if (now < (this.deadline ?? Number.POSITIVE_INFINITY)) return undefined;
    const { keepaliveInterval, keepaliveCount } = this.#limits;
    if (this.#unanswered >= keepaliveCount) {
      const seconds = Math.round((keepaliveInterval * (keepaliveCount + 1)) / 1000);
      return new SshError("keepalive-timeout", `the ${this.#peer} has sent nothing for ${seconds} s`);
    }
    this.#unanswered++;
    // Each probe has the whole interval for its answer, even if a computer slept through several.
    // rule: keepalive-after-sleep
    this.#since = now;
    // A peer that owes us answers up to the limit is not probed: bytes of any kind show that it is there.
    this.#connection.probe(() => {});
    return undefined;
  }
}
