import type { KeyUse } from "@nacre/packet";
import type { Gate } from "./gate.ts";
import type { KeyExchange } from "./key-exchange.ts";
import type { TransportLimits } from "./limits.ts";
import type { TransportOptions } from "./options.ts";
import { RekeyPolicy } from "./rekey.ts";
import { PausableTimer } from "./timer.ts";

/** Parts of the transport that the schedule reads. */
export interface ScheduleContext {
  readonly options: Pick<TransportOptions, "role" | "connecting">;
  readonly limits: TransportLimits;
  readonly gate: Pick<Gate, "phase">;
  readonly outgoing: { readonly keyUse: KeyUse };
  readonly reader: { readonly keyUse: KeyUse };
}

type Exchange = Pick<KeyExchange, "idle" | "asking" | "negotiated">;

/** Decides when a key exchange must begin, and when the current one has timed out. */
export class Schedule {
  readonly #context: ScheduleContext;
  readonly #exchange: Exchange;
  readonly #timer: PausableTimer;
  readonly #policy: RekeyPolicy;
  /** Current time of a monotonic clock in milliseconds. */
  now = 0;

  constructor(context: ScheduleContext, exchange: Exchange) {
    this.#context = context;
    this.#exchange = exchange;
    const { kexTimeout } = context.limits;
    const { timeout, elapsed } = context.options.connecting ?? { timeout: kexTimeout, elapsed: 0 };
    this.#timer = new PausableTimer(kexTimeout, Math.min(kexTimeout, timeout - elapsed));
    this.#policy = new RekeyPolicy(context.limits);
  }

  /** Updates the timer after each step of the key exchange: runs it, pauses it while an ask is open, or stops it at the end. */
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

  /** Time at which `overdue` or `keysTooOld` becomes true; `undefined` for never. */
  get deadline(): number | undefined {
    return this.#timer.deadline ?? (this.mayRekey ? this.#policy.deadline : undefined);
  }

  /** Whether the current key exchange has timed out. */
  get overdue(): boolean {
    // rule: kex-timeout
    return this.now >= (this.#timer.deadline ?? Infinity);
  }

  /** Whether to rekey because the keys are too old. */
  get keysTooOld(): boolean {
    return this.now >= (this.#policy.deadline ?? Infinity) && this.mayRekey;
  }

  /** Whether to rekey because the keys have reached a byte or packet limit. */
  get keysUsedUp(): boolean {
    const { outgoing, reader } = this.#context;
    return this.#policy.isUsedUp(outgoing.keyUse, reader.keyUse) && this.mayRekey;
  }

  /**
   * Whether we may begin a rekey: only after authentication, since OpenSSH as client and as server ends a connection on an earlier
   * KEXINIT. A rekey that the peer begins is accepted at any time.
   */
  get mayRekey(): boolean {
    return this.#context.gate.phase === "connection" && this.#exchange.idle;
  }
}
