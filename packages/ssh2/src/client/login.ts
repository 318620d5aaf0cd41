import type { LoginAttempt, NextLogin } from "nacre/extend";
import type { BaseAgent } from "../agent/agents.ts";
import type { Ssh2Error } from "../errors.ts";
import type { ParsedKey } from "../keys/parse-key.ts";
import { agentError, agentIdentity, agentKeys } from "./agent-keys.ts";
import { allowedMethods, type LoginDefaults, type Step, stepOf } from "./login-attempts.ts";
import type { AuthHandler } from "./options.ts";

/** A client as its login uses it. */
export interface LoginHost {
  readonly debug: ((line: string) => void) | undefined;
  /** Runs what calls the program. */
  readonly call: (call: () => void) => void;
  /** Reports an error after which the next attempt is made. */
  readonly error: (error: Ssh2Error) => void;
  /** Ends the connection, because no attempt is left. */
  readonly failed: () => void;
}

/** Keys of an agent that are tried one after the other. */
interface AgentKeys {
  readonly username: string;
  readonly agent: BaseAgent;
  readonly keys: readonly ParsedKey[];
  /** Number of the next key, from 0. */
  next: number;
}

/** The attempt that awaits the server's answer. */
type Current =
  | { readonly type: "none" }
  /** One attempt. `method` is ssh2's name of it. */
  | { readonly type: "attempt"; readonly method: string }
  /** A key of an agent. */
  | { readonly type: "agent-keys"; readonly turn: AgentKeys };

/** Chooses the attempts to log in as ssh2 does: asks the `authHandler`, and tries all keys of an agent as one attempt. */
export class Login {
  readonly #defaults: LoginDefaults;
  readonly #host: LoginHost;
  readonly #handler: AuthHandler;
  #methodsLeft: readonly string[] | null = null;
  #partialSuccess: boolean | null = null;
  #current: Current = { type: "none" };
  /** Aborted when the connection is over. */
  readonly #over = new AbortController();

  /** `authHandler` is the option: a function, a list of answers, or `undefined` for the default order. */
  constructor(defaults: LoginDefaults, authHandler: AuthHandler | readonly unknown[] | undefined, host: LoginHost) {
    this.#defaults = defaults;
    this.#host = host;
    this.#handler =
      typeof authHandler === "function" ? authHandler : listHandler(authHandler ?? allowedMethods(defaults));
  }

  /** The option `nextLogin`. */
  readonly next: NextLogin = async ({ methods, partialSuccess }) => {
    const { debug } = this.#host;
    const current = this.#current;
    if (current.type === "agent-keys") {
      const { turn } = current;
      debug?.(`Client: Agent key #${turn.next} ${partialSuccess ? "was accepted as one of several" : "failed"}`);
      // ssh2 updates `methodsLeft` only after other attempts, but the `authHandler` must learn of a key that counted.
      if (partialSuccess) this.#learn(methods, partialSuccess);
      const attempt = this.#nextAgentKey(turn);
      if (attempt !== undefined) return attempt;
    } else if (current.type === "attempt") {
      if (!partialSuccess) debug?.(`Client: ${current.method} auth failed`);
      this.#learn(methods, partialSuccess);
    }
    return this.#nextStep();
  };

  /** Ends the login because the connection has ended. Pending requests to an agent are abandoned, and later errors are not reported. */
  stop(): void {
    this.#over.abort();
  }

  #learn(methods: readonly string[] | undefined, partialSuccess: boolean): void {
    this.#methodsLeft = methods ?? null;
    this.#partialSuccess = partialSuccess;
  }

  async #nextStep(): Promise<LoginAttempt | undefined> {
    for (;;) {
      const answer = this.#isOver ? undefined : await this.#ask();
      if (answer === false && !this.#isOver) this.#host.failed();
      // Never resolves: an answer would close the connection before the server's own end.
      if (answer === false || this.#isOver) return new Promise(() => {});
      const step = stepOf(answer, this.#defaults, this.#host.call);
      const attempt = typeof step === "string" ? this.#skip(step) : await this.#begin(step);
      if (attempt !== undefined) return attempt;
      // A handler that only returns invalid answers must not stop the process.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #skip(line: string): undefined {
    this.#host.debug?.(line);
  }

  /** Returns the attempt of a step; `undefined` if an agent has no keys, or fails. */
  async #begin(step: Step): Promise<LoginAttempt | undefined> {
    if (!("agent" in step)) {
      this.#current = { type: "attempt", method: step.type };
      return step.attempt;
    }
    const { username, agent } = step;
    let keys: readonly ParsedKey[];
    try {
      keys = await agentKeys(agent, this.#over.signal);
    } catch (error) {
      this.#agentFailed(error);
      return undefined;
    }
    return this.#nextAgentKey({ username, agent, keys, next: 0 });
  }

  /** Returns the attempt with the agent's next key; `undefined` after the last one. */
  #nextAgentKey(turn: AgentKeys): LoginAttempt | undefined {
    const { debug } = this.#host;
    const key = turn.keys[turn.next];
    if (key === undefined) {
      debug?.("Agent: No more keys left to try");
      debug?.("Client: agent auth failed");
      this.#current = { type: "none" };
      return undefined;
    }
    this.#current = { type: "agent-keys", turn };
    turn.next++;
    debug?.(`Agent: Trying key #${turn.next}`);
    const identity = agentIdentity(turn.agent, key, (error) => this.#agentFailed(error), this.#over.signal);
    return { method: "publickey", user: turn.username, identity, query: true };
  }

  #agentFailed(error: unknown): void {
    if (!this.#isOver) this.#host.error(agentError(error));
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Resolves with the answer of the handler: the first value that it returns or passes to its callback. */
  #ask(): Promise<unknown> {
    return new Promise((resolve) => {
      this.#host.call(() => {
        const answer = this.#handler(this.#methodsLeft, this.#partialSuccess, resolve);
        if (answer !== undefined) resolve(answer);
      });
    });
  }
}

function listHandler(answers: readonly unknown[]): AuthHandler {
  let next = 0;
  return () => (next === answers.length ? false : answers[next++]);
}
