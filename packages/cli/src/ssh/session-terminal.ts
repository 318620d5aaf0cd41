import type { Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import { type Asker, openAsker } from "../terminal/asker.ts";

/** The actions of a session at its terminal. */
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
  /** Resolves once a session allows questions that its user did not ask for. */
  readonly #mayAsk: Promise<void>;
  #permit!: () => void;
  #session: Session | undefined;
  #asker: Asker | undefined;
  /** Settles after the last question. */
  #last: Promise<unknown> = Promise.resolve();

  /** `open` returns what asks; `undefined` if nothing can. */
  constructor(open: () => Asker | undefined = () => openAsker(undefined, { isInterruptible: false })) {
    this.#open = open;
    this.#mayAsk = new Promise((resolve) => {
      this.#permit = resolve;
    });
  }

  /**
   * Lends the terminal of a session for questions, while standard input is piped to `input`. `isInterruptible`: questions that the user did
   * not ask for are allowed, too.
   */
  lend(terminal: TerminalUse, input: Writable | undefined, { isInterruptible }: { isInterruptible: boolean }): void {
    this.#session = { terminal, input };
    if (isInterruptible) this.#permit();
  }

  /**
   * Waits for a session that may be interrupted, and asks one question after another. Resolves with `undefined` if nothing can ask, the
   * user cancels it, or the session ends.
   */
  async ask<T>(work: (asker: Asker) => Promise<T>): Promise<T | undefined> {
    await this.#mayAsk;
    return this.#afterOthers(work, true);
  }

  /** Asks because the user wants it. The session's output continues, so the session may end meanwhile. */
  askNow<T>(work: (asker: Asker) => Promise<T>): Promise<T | undefined> {
    return this.#afterOthers(work, false);
  }

  #afterOthers<T>(work: (asker: Asker) => Promise<T>, holdsOutput: boolean): Promise<T | undefined> {
    const answer = this.#last.then(() => this.#ask(work, holdsOutput));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #ask<T>(work: (asker: Asker) => Promise<T>, holdsOutput: boolean): Promise<T | undefined> {
    const session = this.#session;
    if (session === undefined) return undefined;
    const { terminal, input } = session;
    const { stdin, stdout } = process;
    if (input !== undefined) stdin.unpipe(input).pause();
    terminal.restore();
    const asker = this.#open();
    this.#asker = asker;
    if (asker !== undefined && holdsOutput) stdout.cork();
    try {
      return asker && (await work(asker));
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== "auth-cancelled") throw error;
      return undefined;
    } finally {
      const typedAhead = this.#close();
      // After the session, the terminal stays as it was before.
      if (this.#session !== undefined) {
        terminal.use();
        if (input !== undefined) {
          if (typedAhead !== "") input.write(typedAhead);
          stdin.pipe(input);
        }
      }
    }
  }

  /** Ends the session's use of the terminal, and a question that is open. */
  end(): void {
    this.#session = undefined;
    this.#close();
  }

  /** Closes the terminal that asks questions. Returns input typed after the last answer. */
  #close(): string {
    if (this.#asker === undefined) return "";
    const typedAhead = this.#asker.close();
    this.#asker = undefined;
    process.stdout.uncork();
    return typedAhead;
  }
}

/** The terminal of this process. */
export const sessionTerminal: SessionTerminal = new SessionTerminal();
