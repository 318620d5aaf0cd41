/** Signals that end a copy. */
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Turns the first signal of this process into an abort. A second one ends the process immediately. Call `release` in the end. */
export class Interrupt {
  readonly #abort = new AbortController();
  #raised: NodeJS.Signals | undefined;
  readonly #onSignal = (raised: NodeJS.Signals): void => {
    this.release();
    this.#raised = raised;
    this.#abort.abort();
  };

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  /** Aborts at the first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Signal that was received; `undefined` for none. */
  get raised(): NodeJS.Signals | undefined {
    return this.#raised;
  }

  /** Gives signals their usual effect again. */
  release(): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }

  /** Ends this process by the signal that was received, so that a shell sees it. No effect without one. */
  raise(): void {
    if (this.#raised !== undefined) process.kill(process.pid, this.#raised);
  }
}
