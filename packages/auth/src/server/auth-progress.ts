import { SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { AttemptCounts, Factor, LoginSubject } from "../methods/server-method.ts";

/** Factors that a client has proved for the current user, and the attempts it has used up. */
export class AuthProgress implements AttemptCounts {
  readonly #methods: readonly string[];
  readonly #limits: AuthLimits;
  #userName: string | undefined;
  #serviceName = "";
  #factors: readonly Factor[] = [];
  #canContinue: readonly string[];
  #failures = 0;
  #queries = 0;
  #refusedQueries = 0;
  #noneSeen = false;

  constructor(methods: readonly string[], limits: AuthLimits) {
    this.#methods = methods;
    this.#canContinue = methods;
    this.#limits = limits;
  }

  /** Methods that can continue (RFC 4252 §5.1). */
  get canContinue(): readonly string[] {
    return this.#canContinue;
  }

  /**
   * Starts a request for a user and service, and returns them with the factors proved so far. A change of user or service discards the
   * factors (RFC 4252 §5). It also counts as a failed attempt; otherwise a client could keep trying forever by changing names. Throws
   * `auth-limit` at the last failed attempt.
   */
  begin(userName: string, serviceName: string): LoginSubject {
    const changed = this.#userName !== undefined && (this.#userName !== userName || this.#serviceName !== serviceName);
    this.#userName = userName;
    this.#serviceName = serviceName;
    if (changed) {
      // rule: user-change-forgets
      this.#factors = [];
      this.#canContinue = this.#methods;
      // rule: user-change-counts
      this.countFailure();
    }
    return { userName, serviceName, factors: this.#factors };
  }

  /** Sets the methods that can continue, until the next partial success or change of user. */
  offer(methods: readonly string[]): void {
    this.#canContinue = methods;
  }

  /** Records a partial success: one of `canContinue` must follow. */
  advance(factors: readonly Factor[], canContinue: readonly string[]): void {
    this.#factors = factors;
    this.#canContinue = canContinue;
  }

  /** Counts a failed attempt. Throws `auth-limit` at the last one allowed. */
  countFailure(): void {
    // rule: failed-attempts
    if (++this.#failures >= this.#limits.failedAttempts)
      throw new SshError("auth-limit", `the client failed to log in ${this.#failures} times (\`failedAttempts\`)`);
  }

  /** Counts a "none" request. Clients send it to learn the methods, so the first one is not a failed attempt. */
  countNone(): void {
    // rule: none-once
    if (this.#noneSeen) this.countFailure();
    this.#noneSeen = true;
  }

  /** Counts a key query. Throws `auth-limit` above `limits.keyQueries`. */
  countQuery(): void {
    // rule: key-queries
    if (++this.#queries > this.#limits.keyQueries)
      throw new SshError(
        "auth-limit",
        `the client sent more than ${this.#limits.keyQueries} key queries (\`keyQueries\`)`,
      );
  }
  /** Counts a refused key query. Throws `auth-limit` above `limits.refusedKeyQueries`. */
  countRefusedQuery(): void {
    // rule: refused-key-queries
    if (++this.#refusedQueries > this.#limits.refusedKeyQueries)
      throw new SshError(
        "auth-limit",
        `the client sent more than ${this.#limits.refusedKeyQueries} key queries that were refused (\`refusedKeyQueries\`)`,
      );
  }
}
