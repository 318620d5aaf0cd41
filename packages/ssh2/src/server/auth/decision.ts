import type { LoginDecision } from "nacre/extend";

/** The decision about one login attempt, which the application gives once. */
export class Decision {
  /** Resolves with the decision. */
  given!: Promise<LoginDecision>;
  /** Gets the new password that the first decision asked the client for. */
  changed: ((newPassword: string) => void) | undefined;
  #give: ((decision: LoginDecision) => void) | undefined;

  constructor() {
    this.#open();
  }

  /** Gives the decision, if there is none yet. */
  give(decision: LoginDecision): void {
    this.#give?.(decision);
    this.#give = undefined;
  }

  /** Returns who waits for the new password, and lets the application decide again. */
  takeChanged(): ((newPassword: string) => void) | undefined {
    const { changed } = this;
    this.changed = undefined;
    if (changed !== undefined) this.#open();
    return changed;
  }

  #open(): void {
    this.given = new Promise((resolve) => {
      this.#give = resolve;
    });
  }
}
