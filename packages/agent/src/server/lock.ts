import { concatBytes, equalBytes, type RandomSource } from "@nacre/wire";

/** Milliseconds that each wrong passphrase adds to the wait before the next attempt, and their maximum number, as in OpenSSH. */
const DELAY = 100;
const MAX_DELAYS = 100;

const SALT_LENGTH = 16;

type State =
  | { readonly kind: "unlocked" }
  | { readonly kind: "locked"; readonly salt: Uint8Array; readonly digest: Uint8Array };

/** The lock of an agent. Attempts of all connections share one wait, which holds up nothing else. */
export class Lock {
  readonly #hash: (data: Uint8Array) => Uint8Array;
  readonly #random: RandomSource;
  #state: State = { kind: "unlocked" };
  #failures = 0;
  #attemptsFrom = -Infinity;

  constructor(hash: (data: Uint8Array) => Uint8Array, random: RandomSource) {
    this.#hash = hash;
    this.#random = random;
  }

  get isLocked(): boolean {
    return this.#state.kind === "locked";
  }

  /** Time from which the next attempt may be checked. */
  get attemptsFrom(): number {
    return this.isLocked ? this.#attemptsFrom : -Infinity;
  }

  /** Locks the agent. Returns false if the passphrase is empty or the agent is already locked. */
  lock(passphrase: Uint8Array): boolean {
    // rule: agent-empty-passphrase
    if (passphrase.length === 0) return false;
    if (this.#state.kind === "locked") return false;
    const salt = this.#random(SALT_LENGTH);
    this.#state = { kind: "locked", salt, digest: this.#digest(salt, passphrase) };
    return true;
  }

  /** Unlocks the agent. Returns false for a wrong passphrase, and if the agent is not locked. Call it from `attemptsFrom` on. */
  unlock(passphrase: Uint8Array, now: number): boolean {
    if (this.#state.kind === "unlocked") return false;
    const { salt, digest } = this.#state;
    // rule: agent-passphrase
    if (!equalBytes(this.#digest(salt, passphrase), digest)) {
      this.#failures = Math.min(this.#failures + 1, MAX_DELAYS);
      this.#attemptsFrom = now + this.#failures * DELAY;
      return false;
    }
    this.#state = { kind: "unlocked" };
    this.#failures = 0;
    return true;
  }

  #digest(salt: Uint8Array, passphrase: Uint8Array): Uint8Array {
    return this.#hash(concatBytes(salt, passphrase));
  }
}
