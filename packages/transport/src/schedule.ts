import type { Gate } from "./gate.ts";
import type { KeyExchange } from "./key-exchange.ts";
import type { TransportLimits } from "./limits.ts";
import type { TransportOptions } from "./options.ts";

/** Parts of the transport that the schedule reads. */
export interface ScheduleContext {
  readonly options: Pick<TransportOptions, "connecting">;
  readonly limits: Pick<TransportLimits, "kexTimeout" | "rekeyInterval">;
  readonly gate: Pick<Gate, "phase">;
}

type State =
  | { readonly kind: "new" }
  /** A key exchange is in progress, and must be complete at `until`. */
  | { readonly kind: "exchanging"; readonly until: number }
  /** An ask of the key exchange is open. Its time does not count: `left` milliseconds remain after the answer. */
  | { readonly kind: "asking"; readonly left: number }
  /** The current keys are in use in both directions, and too old at `until` (RFC 4253 §9). */
  | { readonly kind: "keyed"; readonly until: number };

/** Decides when a key exchange must begin because of the time, and when the current one has timed out. Times are in milliseconds. */
export class Schedule {
  readonly #context: ScheduleContext;
  readonly #exchange: Pick<KeyExchange, "idle" | "asking">;
  #state: State = { kind: "new" };
  /** Current time of a monotonic clock. */
  now = 0;
  /** Time from which `overdue` or `keysTooOld` is true; `undefined` for never. */
  deadline: number | undefined;

  constructor(context: ScheduleContext, exchange: Pick<KeyExchange, "idle" | "asking">) {
    this.#context = context;
    this.#exchange = exchange;
  }

  /** Updates the state. Call it after each step of the key exchange and after the login. */
  follow(): void {
    const { kexTimeout, rekeyInterval } = this.#context.limits;
    const { idle, asking } = this.#exchange;
    const state = this.#state;
    if (asking) {
      if (state.kind === "exchanging") this.#state = { kind: "asking", left: state.until - this.now };
    } else if (!idle) {
      if (state.kind === "new") this.#state = { kind: "exchanging", until: this.now + this.#firstTime };
      else if (state.kind === "asking") this.#state = { kind: "exchanging", until: this.now + state.left };
      else if (state.kind === "keyed") this.#state = { kind: "exchanging", until: this.now + kexTimeout };
    } else if (state.kind === "exchanging" || state.kind === "asking") {
      this.#state = { kind: "keyed", until: this.now + rekeyInterval };
    }
    const current = this.#state;
    const isDue = current.kind === "exchanging" || (current.kind === "keyed" && this.mayRekey);
    this.deadline = isDue ? current.until : undefined;
  }

  /** Error code and time of the bound of the current key exchange. */
  get bound(): { readonly code: "kex-timeout" | "connect-timeout"; readonly time: number } {
    const { gate, limits, options } = this.#context;
    const isConnecting = gate.phase === "kex" && this.#firstTime < limits.kexTimeout;
    return isConnecting && options.connecting !== undefined
      ? { code: "connect-timeout", time: options.connecting.timeout }
      : { code: "kex-timeout", time: limits.kexTimeout };
  }

  /** Time for the first key exchange. */
  get #firstTime(): number {
    const { kexTimeout } = this.#context.limits;
    const { connecting } = this.#context.options;
    return connecting === undefined ? kexTimeout : Math.min(kexTimeout, connecting.timeout - connecting.elapsed);
  }

  /** Whether the current key exchange has timed out. */
  get overdue(): boolean {
    // rule: kex-timeout
    return this.#state.kind === "exchanging" && this.now >= this.#state.until;
  }

  /** Whether to rekey because the keys are too old. */
  get keysTooOld(): boolean {
    return this.#state.kind === "keyed" && this.now >= this.#state.until && this.mayRekey;
  }

  /**
   * Whether we may begin a rekey: only after authentication, since OpenSSH as client and as server ends a connection on an earlier
   * KEXINIT. A rekey that the peer begins is accepted at any time.
   */
  get mayRekey(): boolean {
    return this.#context.gate.phase === "connection" && this.#exchange.idle;
  }
}
