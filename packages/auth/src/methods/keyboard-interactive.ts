import {
  type LoginMessage,
  type Prompt,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SshError,
  userauthKeyboardInteractive,
} from "@nacre/wire";
import type { ClientAttempts, ClientLogin, ClientMethod } from "./client-method.ts";
import { boundPrompt, invalidAnswer } from "./messages.ts";
import type { ServerMethod } from "./server-method.ts";

/**
 * An ask of a client's "keyboard-interactive" method: one response for each prompt, in order. There is at least one prompt. `undefined`
 * abandons the method: empty responses are sent until the server ends the conversation. With a wrong number of responses, the ask stays
 * open. The texts are raw text from the server.
 */
export interface ClientPromptsAsk {
  readonly type: "prompts";
  /** Number of the round in this conversation, from 1. */
  readonly round: number;
  readonly name: string;
  readonly instruction: string;
  readonly prompts: readonly Prompt[];
}

/** Texts and prompts of one keyboard-interactive round (RFC 4256 §3.2). Without prompts, only the texts are shown. */
export interface Questions {
  readonly name?: string | undefined;
  readonly instruction?: string | undefined;
  readonly prompts: readonly Prompt[];
}

/** An ask of a server's "keyboard-interactive" method. The answer is a verdict, or `Questions` for another round. */
export type ServerPromptsAsk =
  /** The start of a conversation. `submethods` is the client's hint, raw text. */
  | { readonly type: "keyboard-interactive"; readonly submethods: string }
  /** One response for each prompt of the last round, in order. */
  | { readonly type: "responses"; readonly responses: readonly string[] };

const name = "keyboard-interactive";
const messages: readonly LoginMessage[] = [
  {
    message: SSH_MSG_USERAUTH_INFO_REQUEST,
    sender: "server",
    describe: (payload) => {
      const { prompts } = SSH_MSG_USERAUTH_INFO_REQUEST.decode(payload);
      return prompts.map(({ prompt }) => prompt).join(" | ");
    },
  },
  { message: SSH_MSG_USERAUTH_INFO_RESPONSE, sender: "client" },
];

/**
 * Keyboard-interactive authentication (RFC 4256). A password that needs no question comes first. Where the application can answer only a
 * prompt for the password, the method "password" comes instead, if the server accepts it.
 */
export const clientKeyboardInteractive: ClientMethod = { name, messages, start: (login) => start(login, "") };

/** Returns the method with a hint for the server: the devices that the user prefers, separated by commas (RFC 4256 §3.1). */
export function clientKeyboardInteractiveWith(submethods: string): ClientMethod {
  return { name, messages, start: (login) => start(login, submethods) };
}

function start(login: ClientLogin, submethods: string): ClientAttempts {
  const { options, limits } = login;
  const isByPassword = options.keyboardInteractive === "password";
  // A fixed password answers once, a function that asks for it as often as prompts.
  const most = isByPassword && options.password === "fixed" ? 1 : limits.keyboardInteractiveAttempts;
  let left = options.keyboardInteractive === false ? 0 : most;

  /** Waits for the server after `rounds` requests of this conversation. `isGivenUp`: the application abandoned it. */
  const attempt = (rounds: number, isGivenUp: boolean) => ({
    receive(payload: Uint8Array): void {
      const round = rounds + 1;
      // rule: kbd-int-rounds
      if (round > limits.keyboardInteractiveRounds)
        throw new SshError(
          "auth-limit",
          `the server sent more than ${limits.keyboardInteractiveRounds} rounds of prompts in one keyboard-interactive conversation (\`keyboardInteractiveRounds\`)`,
        );
      boundPrompt(limits, payload);
      const request = SSH_MSG_USERAUTH_INFO_REQUEST.decode(payload);
      const { prompts } = request;
      // rule: kbd-int-prompts
      if (prompts.length > limits.promptsPerRound)
        throw new SshError(
          "auth-limit",
          `the server sent ${prompts.length} prompts in one round, but the maximum is ${limits.promptsPerRound} (\`promptsPerRound\`)`,
        );
      if (prompts.length === 0) {
        // A request without prompts still needs a response (RFC 4256 §3.4), but no answer from the application.
        if (request.name !== "" || request.instruction !== "") login.show(request.name, request.instruction);
        return respond(round, isGivenUp, []);
      }
      // A new request would also end the conversation (RFC 4252 §5.1), but Erlang's server disconnects on that.
      const nothing = prompts.map(() => "");
      if (isGivenUp) return respond(round, true, nothing);
      const ask = {
        type: "prompts",
        round,
        name: request.name,
        instruction: request.instruction,
        prompts,
      } satisfies ClientPromptsAsk;
      login.ask(ask, (responses) => {
        if (responses === undefined) {
          left = 0;
          login.note(`${name} was abandoned because no answer was given`);
          return respond(round, true, nothing);
        }
        if (!isTexts(responses)) throw invalidAnswer("prompts");
        if (responses.length !== prompts.length)
          throw new SshError("usage", `expected ${prompts.length} responses, one per prompt, got ${responses.length}`);
        respond(round, false, responses);
      });
    },
    failed(accepted: boolean): string | undefined {
      // A server that refuses before its first prompt does not support the method for this user.
      if (accepted || rounds === 0) left = 0;
      // An abandoned conversation already has its own note.
      return accepted || !isGivenUp ? name : undefined;
    },
  });

  const respond = (rounds: number, isGivenUp: boolean, responses: readonly string[]): void =>
    login.send(SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses }), attempt(rounds, isGivenUp));

  return {
    begin() {
      const isPasswordFirst = options.password === "fixed" || (isByPassword && options.password);
      if (left === 0 || (isPasswordFirst && login.isDue("password"))) return false;
      // The conversation would only ask for the same password again.
      if (isByPassword && login.wasTried("password")) return false;
      left--;
      // The language tag is deprecated and empty (RFC 4256 §3.1). Empty submethods leave the choice to the server.
      login.request(userauthKeyboardInteractive.encode({ languageTag: "", submethods }), attempt(0, false));
      return true;
    },
  };
}

/** Passes the client's responses to the application, and its questions to the client. */
export const serverKeyboardInteractive: ServerMethod = {
  name,
  messages,
  begin(attempt, methodData) {
    const { submethods } = userauthKeyboardInteractive.decode(methodData);
    const answered =
      (rounds: number) =>
      (verdict: unknown): void => {
        if (!isQuestions(verdict)) return attempt.judge({ method: name }, verdict);
        if (rounds >= attempt.limits.keyboardInteractiveRounds) return attempt.fail();
        const { name: title = "", instruction = "", prompts } = verdict;
        const request = SSH_MSG_USERAUTH_INFO_REQUEST.encode({ name: title, instruction, languageTag: "", prompts });
        attempt.send(request, (payload) => {
          const { responses } = SSH_MSG_USERAUTH_INFO_RESPONSE.decode(payload);
          // A wrong number of responses is a failed attempt (RFC 4256 §3.4).
          // rule: kbd-int-responses
          if (responses.length !== prompts.length) return attempt.fail();
          attempt.ask({ type: "responses", responses } satisfies ServerPromptsAsk, answered(rounds + 1));
        });
      };
    attempt.ask({ type: "keyboard-interactive", submethods } satisfies ServerPromptsAsk, answered(0));
  },
};

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function isQuestions(verdict: unknown): verdict is Questions {
  return Array.isArray((verdict as { readonly prompts?: unknown } | null)?.prompts);
}
