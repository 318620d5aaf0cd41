import { equalBytes, SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { Factor, LoginMethod, LoginSubject } from "./types.ts";

/** What a client has achieved for the user it names, and what it has used up. */
export class AuthProgress {
  readonly #methods: readonly LoginMethod[];
  readonly #limits: AuthLimits;
  #userName: string | undefined;
  #serviceName = "";
  #factors: readonly Factor[] = [];
  #canContinue: readonly LoginMethod[];
  #failures = 0;
  #queries = 0;
  #refusedQueries = 0;
  #noneSeen = false;

  constructor(methods: readonly LoginMethod[], limits: AuthLimits) {
    this.#methods = methods;
    this.#canContinue = methods;
    this.#limits = limits;
  }

  /** The methods that may follow (RFC 4252 §5.1). */
  get canContinue(): readonly LoginMethod[] {
    return this.#canContinue;
  }

  /**
   * A request names its user and service. When they change, what was achieved for others is forgotten (RFC 4252 §5), and the
   * change counts as a failed attempt: else it would be a way to try without end.
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

  /** One part of the login is right, and one of `canContinue` must follow. */
  advance(factors: readonly Factor[], canContinue: readonly LoginMethod[]): void {
    this.#factors = factors;
    this.#canContinue = canContinue;
  }

  /** Whether a key has been accepted as a factor already: it does not make a second one. */
  hasUsed(publicKey: Uint8Array): boolean {
    return this.#factors.some((factor) => factor.method === "publickey" && equalBytes(factor.publicKey, publicKey));
  }

  /** Throws `auth-limit` at the last failed attempt. */
  countFailure(): void {
    // rule: failed-attempts
    if (++this.#failures >= this.#limits.failedAttempts)
      throw new SshError("auth-limit", `${this.#failures} attempts to log in have failed`);
  }

  /** "none" is how a client asks for the methods: the first is free. */
  countNone(): void {
    // rule: none-once
    if (this.#noneSeen) this.countFailure();
    this.#noneSeen = true;
  }

  /** Throws `auth-limit` for a query too many. */
  countQuery(): void {
    // rule: key-queries
    if (++this.#queries > this.#limits.keyQueries)
      throw new SshError("auth-limit", `the client asked about more than ${this.#limits.keyQueries} keys`);
  }
  /** Throws `auth-limit` for a refused query too many. */
  countRefusedQuery(): void {
    // rule: refused-key-queries
    if (++this.#refusedQueries > this.#limits.refusedKeyQueries)
      throw new SshError(
        "auth-limit",
        `more than ${this.#limits.refusedKeyQueries} keys that the client asked about were refused`,
      );
  }
}
