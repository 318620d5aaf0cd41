import {
  clientKeyboardInteractive as client,
  clientKeyboardInteractiveWith as clientWith,
  type Questions,
  type ServerAsk,
  serverKeyboardInteractive as server,
} from "@nacre/auth";
import { SshError } from "@nacre/wire";
import { whenKnown } from "../../mux/engine.ts";
import { usage } from "../../options/schema.ts";
import type { ClientLoginMethod } from "../client/method.ts";
import type { ServerLoginAnswers, ServerLoginContext, ServerLoginMethod } from "../server/method.ts";
import type { LoginDecision } from "../server/options.ts";

/** Prompts (RFC 4256), answered by the option `prompts`. Without it, the password answers the first hidden prompt that comes alone. */
export const clientKeyboardInteractive: ClientLoginMethod = {
  method: client,
  uses: ["prompts", "password"],
  application({ options }) {
    /** Number of times that the password answered a prompt. */
    let passwords = 0;
    /** Round of the conversation in which it last did. */
    let passwordRound = Infinity;
    return (ask) => {
      if (ask.type !== "prompts") return undefined;
      const { round, name, instruction, prompts } = ask;
      if (options.prompts !== undefined) return options.prompts({ name, instruction, prompts });
      const [prompt, ...others] = prompts;
      // A second prompt of the same conversation asks for something else, such as a code.
      if (prompt === undefined || others.length > 0 || prompt.echo || round > passwordRound) return undefined;
      passwordRound = round;
      passwords++;
      const { password } = options;
      if (typeof password === "function") return whenKnown(password(passwords), (one) => one && [one]);
      return password === undefined || passwords > 1 ? undefined : [password];
    };
  },
};

/** Returns the method with the devices that the user prefers, separated by commas: a hint for the server (RFC 4256 §3.1). */
export function clientKeyboardInteractiveWith(devices: string): ClientLoginMethod {
  return { ...clientKeyboardInteractive, method: clientWith(devices) };
}

/** Prompts (RFC 4256). `authenticate` calls `ask` of the login for each round. */
export const serverKeyboardInteractive: ServerLoginMethod = {
  method: server,
  application: (login) => new Conversation(login),
};

/** State of a conversation: which side must send the next message. */
type Exchange =
  /** The server must send the next message: `answer` settles the open ask. */
  | { readonly kind: "server"; readonly answer: (answer: unknown) => void }
  /** The client must respond, which settles the promise of `ask`. `isDecided`: the application did not wait for that. */
  | {
      readonly kind: "client";
      readonly resolve: (responses: readonly string[]) => void;
      readonly reject: (error: SshError) => void;
      readonly isDecided: boolean;
    }
  | { readonly kind: "over" };

/** A keyboard-interactive conversation with a client. */
class Conversation implements ServerLoginAnswers {
  readonly #login: ServerLoginContext;
  #exchange: Exchange = { kind: "over" };

  constructor(login: ServerLoginContext) {
    this.#login = login;
  }

  answer(ask: ServerAsk): unknown {
    const before = this.#exchange;
    const answer = new Promise((resolve) => {
      this.#exchange = { kind: "server", answer: resolve };
    });
    if (ask.type === "keyboard-interactive") this.#begin(ask, ask.submethods);
    if (ask.type !== "responses" || before.kind !== "client") return answer;
    before.resolve(ask.responses);
    if (!before.isDecided) return answer;
    // The application decided without these responses, so the login can only fail.
    this.#exchange = { kind: "over" };
    return "failure";
  }

  abandoned(): void {
    if (this.#exchange.kind === "client") this.#exchange.reject(givenUp());
    this.#exchange = { kind: "over" };
  }

  #begin(first: ServerAsk, submethods: string): void {
    const decision = this.#login.decide(first, {
      method: "keyboard-interactive",
      submethods,
      ask: (prompts, texts = {}) => {
        const all = prompts.map((prompt) => (typeof prompt === "string" ? { prompt, echo: false } : prompt));
        const responses = this.#question({ ...texts, prompts: all });
        // A caller that does not await the answer gets no unhandled rejection.
        responses.catch(() => {});
        return responses;
      },
    });
    void whenKnown(decision, (known) => this.#decided(first, known));
  }

  #question(questions: Questions): Promise<readonly string[]> {
    const exchange = this.#exchange;
    if (exchange.kind === "over") return Promise.reject(givenUp());
    if (exchange.kind === "client")
      return Promise.reject(usage("`ask` was called before the client answered the previous prompts"));
    return new Promise((resolve, reject) => {
      this.#exchange = { kind: "client", resolve, reject, isDecided: false };
      exchange.answer(questions);
    });
  }

  #decided(ask: ServerAsk, decision: LoginDecision): void {
    const exchange = this.#exchange;
    if (exchange.kind === "server") {
      this.#exchange = { kind: "over" };
      exchange.answer(this.#login.verdict(ask, decision));
    } else if (exchange.kind === "client") {
      this.#exchange = { ...exchange, isDecided: true };
    }
  }
}

function givenUp(): SshError {
  return new SshError("aborted", "the client gave up the keyboard-interactive login");
}
