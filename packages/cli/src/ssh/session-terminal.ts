import type { Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import { type Asker, openAsker } from "../terminal/asker.ts";

/** What a session does with the terminal. */
export interface TerminalUse {
  /** Sets raw mode. */
  readonly use: () => void;
  /** Sets the mode as it was. */
  readonly restore: () => void;
}

interface Session {
  readonly terminal: TerminalUse;
  /** Gets the keys that are typed; `undefined` if the session reads none. */
  readonly input: Writable | undefined;
}

/**
 * The terminal of a session, at which questions may be asked that come up after the login. Meanwhile the session gets no keys, and its
 * output waits, as with ssh(1).
 */
export class SessionTerminal {
  readonly #open: () => Asker | undefined;
  readonly #session: Promise<Session>;
  #lend!: (session: Session) => void;
  #asker: Asker | undefined;
  /** Settles after the last question. */
  #last: Promise<unknown> = Promise.resolve();

  /** `open` returns what asks; `undefined` if nothing can. */
  constructor(open: () => Asker | undefined = openAsker) {
    this.#open = open;
    this.#session = new Promise((resolve) => {
      this.#lend = resolve;
    });
  }

  /** Lends the terminal of a session for questions, while standard input is piped to `input`. */
  lend(terminal: TerminalUse, input: Writable | undefined): void {
    this.#lend({ terminal, input });
  }

  /** Asks when there is a session, one question after another. Resolves with `undefined` if nothing can ask, or the user cancels it. */
  ask<T>(work: (asker: Asker) => Promise<T>): Promise<T | undefined> {
    const answer = this.#last.then(() => this.#ask(work));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #ask<T>(work: (asker: Asker) => Promise<T>): Promise<T | undefined> {
    const { terminal, input } = await this.#session;
    const { stdin, stdout } = process;
    if (input !== undefined) stdin.unpipe(input).pause();
    terminal.restore();
    const asker = this.#open();
    this.#asker = asker;
    if (asker !== undefined) stdout.cork();
    try {
      return asker && (await work(asker));
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== "auth-cancelled") throw error;
      return undefined;
    } finally {
      const typedAhead = this.end();
      terminal.use();
      if (input !== undefined) {
        if (typedAhead !== "") input.write(typedAhead);
        stdin.pipe(input);
      }
    }
  }

  /** Ends a question that is still open. Returns input typed after the last answer. */
  end(): string {
    if (this.#asker === undefined) return "";
    const typedAhead = this.#asker.close();
    this.#asker = undefined;
    process.stdout.uncork();
    return typedAhead;
  }
}

/** The terminal of this process. */
export const sessionTerminal: SessionTerminal = new SessionTerminal();
