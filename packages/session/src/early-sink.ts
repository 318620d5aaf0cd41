import type { PacketSink } from "@nacre/packet";
import type { Transport } from "@nacre/transport";
import { copyBytes } from "@nacre/wire";

interface SentEarly {
  readonly sequenceNumber: number;
  readonly payload: Uint8Array;
}

/**
 * Between the connection layer and the transport until authentication has succeeded: holds what the application asks for
 * meanwhile (channel opens), or lets it leave in the flight of the login itself, as RFC 4252 §5.1 allows. What was sent
 * early and met a failed login is sent again once one succeeds. Afterwards everything goes straight through.
 */
export class EarlySink implements PacketSink {
  readonly #transport: Transport;
  #stage: "waiting" | "early" | "open" = "waiting";
  #waiting: Uint8Array[] = [];
  #sent: SentEarly[] = [];
  readonly #absorbed: number[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  write(payload: Uint8Array): void {
    if (this.#stage === "open") {
      this.#transport.write(payload);
    } else {
      this.#waiting.push(copyBytes(payload));
      if (this.#stage === "early") this.sendEarly();
    }
  }

  begin(length: number): Uint8Array {
    return this.#transport.begin(length);
  }

  commit(): void {
    this.#transport.commit();
  }

  get pending(): number {
    return this.#transport.pending;
  }

  get held(): boolean {
    return this.#stage !== "open" || this.#transport.held;
  }

  get turnOver(): boolean {
    return this.#transport.turnOver;
  }

  /** Lets what waits leave now, with a login under way that is expected to succeed. */
  sendEarly(): void {
    this.#stage = "early";
    for (const payload of this.#waiting) {
      this.#sent.push({ sequenceNumber: this.#transport.nextSequenceNumber, payload });
      this.#transport.write(payload);
    }
    this.#waiting = [];
  }

  /** The login failed: the server, which reads in order, met what was sent early without understanding it. */
  loginFailed(): void {
    this.#waiting.unshift(...this.#sent.map((early) => early.payload));
    this.#absorbed.push(...this.#sent.map((early) => early.sequenceNumber));
    this.#sent = [];
    this.#stage = "waiting";
  }

  /** Whether a packet that the peer did not understand was one of those sent early for a login that failed. */
  absorbs(sequenceNumber: number): boolean {
    const index = this.#absorbed.indexOf(sequenceNumber);
    if (index >= 0) this.#absorbed.splice(index, 1);
    return index >= 0;
  }

  /** Authentication has succeeded: everything goes straight through from now on. */
  open(): void {
    this.#stage = "open";
    this.#sent = [];
    for (const payload of this.#waiting) this.#transport.write(payload);
    this.#waiting = [];
  }
}
