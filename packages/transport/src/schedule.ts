import type { KeyUse } from "@nacre/packet";
import type { Gate } from "./gate.ts";
import type { KeyExchange } from "./key-exchange.ts";
import type { TransportLimits } from "./limits.ts";
import type { TransportOptions } from "./options.ts";
import { RekeyPolicy } from "./rekey.ts";
import { PausableTimer } from "./timer.ts";

/** What the schedule goes by. All of it is the transport's. */
export interface ScheduleContext {
  readonly options: Pick<TransportOptions, "role">;
  readonly limits: TransportLimits;
  readonly gate: Pick<Gate, "phase">;
  readonly outgoing: { readonly keyUse: KeyUse };
  readonly reader: { readonly keyUse: KeyUse };
}

type Exchange = Pick<KeyExchange, "idle" | "asking" | "negotiated">;

/** Says when a key exchange is due, and when the one under way is overdue. */
export class Schedule {
  readonly #context: ScheduleContext;
  readonly #exchange: Exchange;
  readonly #timer: PausableTimer;
  readonly #policy: RekeyPolicy;
  /** Milliseconds of a clock that never goes back. */
  now = 0;

  constructor(context: ScheduleContext, exchange: Exchange) {
    this.#context = context;
    this.#exchange = exchange;
    this.#timer = new PausableTimer(context.limits.kexTimeout);
    this.#policy = new RekeyPolicy(context.limits);
  }

  /** To be called after each step of the key exchange: its time runs, stands while the application is asked, or is over. */
  follow(): void {
    const { idle, asking, negotiated } = this.#exchange;
    if (asking) {
      this.#timer.pause(this.now);
    } else if (!idle) {
      this.#timer.run(this.now);
    } else if (negotiated !== undefined) {
      this.#timer.stop();
      const { clientToServer, serverToClient } = negotiated;
      if (this.#context.options.role === "client") this.#policy.keysChanged(clientToServer, serverToClient, this.now);
      else this.#policy.keysChanged(serverToClient, clientToServer, this.now);
    }
  }

  /** When one of `overdue` and `keysTooOld` will hold; `undefined` for never. */
  get deadline(): number | undefined {
    return this.#timer.deadline ?? (this.mayRekey ? this.#policy.deadline : undefined);
  }

  /** The key exchange under way takes too long. */
  get overdue(): boolean {
    // rule: kex-timeout
    return this.now >= (this.#timer.deadline ?? Infinity);
  }

  /** New keys are due: these have been in use for too long. */
  get keysTooOld(): boolean {
    return this.now >= (this.#policy.deadline ?? Infinity) && this.mayRekey;
  }

  /** New keys are due: these have been used too much. */
  get keysUsedUp(): boolean {
    const { outgoing, reader } = this.#context;
    return this.#policy.isUsedUp(outgoing.keyUse, reader.keyUse) && this.mayRekey;
  }

  /**
   * We begin a later key exchange only after authentication: OpenSSH, on either side, ends a connection when it meets a
   * KEXINIT before. A peer that begins one is followed at any time.
   */
  get mayRekey(): boolean {
    return this.#context.gate.phase === "connection" && this.#exchange.idle;
  }
}
