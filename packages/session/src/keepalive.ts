import type { Connection, ConnectionEvent } from "@nacre/connection";
import { SshError } from "@nacre/wire";
import type { Limits } from "./limits.ts";

/** Asks a silent peer whether it is there, and gives it up when it never answers. */
export class Keepalive {
  readonly #limits: Limits;
  readonly #connection: Connection;
  readonly #peer: "client" | "server";
  /** Such questions that have no answer yet. */
  readonly #asked: number[] = [];
  #lastHeard = 0;
  #unanswered = 0;

  constructor(limits: Limits, connection: Connection, peer: "client" | "server") {
    this.#limits = limits;
    this.#connection = connection;
    this.#peer = peer;
  }

  /** Bytes have come. */
  heard(now: number): void {
    this.#lastHeard = now;
    this.#unanswered = 0;
  }

  get deadline(): number | undefined {
    const { keepaliveInterval } = this.#limits;
    return keepaliveInterval === 0 ? undefined : this.#lastHeard + keepaliveInterval * (this.#unanswered + 1);
  }

  /** Asks where it is time to; returns the error with which to end when there was no answer. */
  tick(now: number): SshError | undefined {
    if (now < (this.deadline ?? Number.POSITIVE_INFINITY)) return undefined;
    const { keepaliveInterval, keepaliveCount } = this.#limits;
    if (this.#unanswered >= keepaliveCount) {
      const seconds = Math.round((keepaliveInterval * (keepaliveCount + 1)) / 1000);
      return new SshError("keepalive-timeout", `the ${this.#peer} has not been heard of for ${seconds} s`);
    }
    this.#unanswered++;
    try {
      const nothing = new Uint8Array();
      this.#asked.push(this.#connection.globalRequest("keepalive@openssh.com", nothing, { wantReply: true }));
    } catch (error) {
      // A peer that owes us answers up to the limit is not asked for one more: bytes of any kind show that it is there.
      if (!(error instanceof SshError)) throw error;
    }
    return undefined;
  }

  /** Whether the event is the answer to such a question, which nobody else is to hear of. */
  absorbs(event: ConnectionEvent): boolean {
    if (event.type !== "global-reply") return false;
    const place = this.#asked.indexOf(event.request);
    if (place >= 0) this.#asked.splice(place, 1);
    return place >= 0;
  }
}
