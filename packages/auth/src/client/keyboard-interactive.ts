import {
  type AskToken,
  askToken,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SshError,
  userauthKeyboardInteractive,
} from "@nacre/wire";

import { boundPrompt } from "./bounds.ts";
import type { ClientMethodDriver } from "./types.ts";

/** Keyboard-interactive authentication (RFC 4256). `rounds`: SSH_MSG_USERAUTH_INFO_REQUESTs received. */
export type KeyboardInteractiveState = { readonly method: "keyboard-interactive"; readonly rounds: number } & (
  | /** The request or a response is with the server. `givenUp`: the application has stopped answering. */ {
      readonly kind: "sent";
      readonly givenUp: boolean;
    }
  | { readonly kind: "asked"; readonly token: AskToken; readonly promptCount: number }
);

export function beginKeyboardInteractive(driver: ClientMethodDriver): KeyboardInteractiveState {
  // RFC 4256 §3.1: the language tag is deprecated and empty; which methods stand behind is the server's choice.
  driver.request("keyboard-interactive", userauthKeyboardInteractive.encode({ languageTag: "", submethods: "" }));
  return { method: "keyboard-interactive", kind: "sent", rounds: 0, givenUp: false };
}

export function receiveInfoRequest(
  driver: ClientMethodDriver,
  state: Extract<KeyboardInteractiveState, { kind: "sent" }>,
  payload: Uint8Array,
): KeyboardInteractiveState {
  const { limits } = driver;
  const rounds = state.rounds + 1;
  // rule: kbd-int-rounds
  if (rounds > limits.keyboardInteractiveRounds)
    throw new SshError(
      "auth-limit",
      `the server asked more than ${limits.keyboardInteractiveRounds} times in one keyboard-interactive conversation`,
    );
  boundPrompt(limits, payload);
  const { name, instruction, prompts } = SSH_MSG_USERAUTH_INFO_REQUEST.decode(payload);
  // rule: kbd-int-prompts
  if (prompts.length > limits.promptsPerRound)
    throw new SshError(
      "auth-limit",
      `the server sent ${prompts.length} prompts at once where ${limits.promptsPerRound} are allowed`,
    );
  if (prompts.length === 0) {
    // RFC 4256 §3.4: no prompt still wants its response, which needs nobody.
    if (name !== "" || instruction !== "") driver.emit({ type: "instruction", name, instruction });
    return sendResponses(driver, { rounds, givenUp: state.givenUp }, []);
  }
  if (state.givenUp) return sendNothing(driver, rounds, prompts.length);
  const token = askToken("prompts");
  driver.emit({ type: "prompts", token, name, instruction, prompts });
  return { method: "keyboard-interactive", kind: "asked", rounds, token, promptCount: prompts.length };
}

export function sendResponses(
  driver: ClientMethodDriver,
  conversation: { readonly rounds: number; readonly givenUp: boolean },
  responses: readonly string[],
): KeyboardInteractiveState {
  driver.send(SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses }));
  return { method: "keyboard-interactive", kind: "sent", ...conversation };
}

/**
 * Gives the conversation up: sends an empty response to every prompt until the server ends it. RFC 4252 §5.1 also lets a new request end
 * it, but Erlang's server disconnects on that.
 */
export function sendNothing(driver: ClientMethodDriver, rounds: number, promptCount: number): KeyboardInteractiveState {
  return sendResponses(
    driver,
    { rounds, givenUp: true },
    Array.from({ length: promptCount }, () => ""),
  );
}
