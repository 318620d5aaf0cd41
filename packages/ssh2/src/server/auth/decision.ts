import type { LoginDecision } from "nacre/extend";

type State =
  | { readonly type: "open"; readonly resolve: (decision: LoginDecision) => void }
  /** The client was asked for a new password, which `changed` gets. */
  | { readonly type: "changing"; readonly changed: (newPassword: string) => void }
  | { readonly type: "given" };

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
    return this.#state.type === "changing";
  }

  /** Sets the decision. Later calls have no effect. */
  give(decision: LoginDecision): void {
    this.#settle(decision, { type: "given" });
  }

  /** Decides that the client must send a new password, which `changed` gets. No effect after another decision. */
  askChange(prompt: string, changed: (newPassword: string) => void): void {
    this.#settle({ changePassword: prompt }, { type: "changing", changed });
  }

  /** Returns the callback that waits for a new password, and reopens the decision. */
  takeChanged(): ((newPassword: string) => void) | undefined {
    const state = this.#state;
    if (state.type !== "changing") return undefined;
    this.#open();
    return state.changed;
  }

  #settle(decision: LoginDecision, next: State): void {
    const state = this.#state;
    if (state.type !== "open") return;
    this.#state = next;
    state.resolve(decision);
  }

  #open(): void {
    this.given = new Promise((resolve) => {
      this.#state = { type: "open", resolve };
    });
  }
}
