import type { LoginDecision } from "nacre/extend";

type State =
  | { readonly kind: "open"; readonly resolve: (decision: LoginDecision) => void }
  /** The client was asked for a new password, which `changed` gets. */
  | { readonly kind: "changing"; readonly changed: (newPassword: string) => void }
  | { readonly kind: "given" };

/** The decision about one login attempt. The application makes it once, and again after a new password. */
export class Decision {
  /** Resolves with the decision. */
  given!: Promise<LoginDecision>;
  #state!: State;

  constructor() {
    this.#open();
  }

  /** Whether a new password is awaited. */
  get isChanging(): boolean {
    return this.#state.kind === "changing";
  }

  /** Sets the decision. Later calls have no effect. */
  give(decision: LoginDecision): void {
    this.#settle(decision, { kind: "given" });
  }

  /** Decides that the client must send a new password, which `changed` gets. No effect after another decision. */
  askChange(prompt: string, changed: (newPassword: string) => void): void {
    this.#settle({ changePassword: prompt }, { kind: "changing", changed });
  }

  /** Returns the callback that waits for a new password, and reopens the decision. */
  takeChanged(): ((newPassword: string) => void) | undefined {
    const state = this.#state;
    if (state.kind !== "changing") return undefined;
    this.#open();
    return state.changed;
  }

  #settle(decision: LoginDecision, next: State): void {
    const state = this.#state;
    if (state.kind !== "open") return;
    this.#state = next;
    state.resolve(decision);
  }

  #open(): void {
    this.given = new Promise((resolve) => {
      this.#state = { kind: "open", resolve };
    });
  }
}
