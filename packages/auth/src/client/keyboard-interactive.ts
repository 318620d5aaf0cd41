import {
  type AskToken,
  askToken,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SshError,
  userauthKeyboardInteractive,
} from "@nacre/wire";

import { boundPrompt } from "./bounds.ts";
import type { ClientMethodHost } from "./types.ts";

/** Keyboard-interactive authentication (RFC 4256). `rounds` is the number of SSH_MSG_USERAUTH_INFO_REQUESTs received. */
export type KeyboardInteractiveState = { readonly method: "keyboard-interactive"; readonly rounds: number } & (
  | /** A request or response awaits its answer. `givenUp`: the application abandoned the conversation. */ {
      readonly kind: "sent";
      readonly givenUp: boolean;
    }
  | { readonly kind: "asked"; readonly token: AskToken; readonly promptCount: number }
);

export function beginKeyboardInteractive(host: ClientMethodHost): KeyboardInteractiveState {
  // The language tag is deprecated and empty (RFC 4256 §3.1). Empty submethods leave the choice to the server.
  host.request("keyboard-interactive", userauthKeyboardInteractive.encode({ languageTag: "", submethods: "" }));
  return { method: "keyboard-interactive", kind: "sent", rounds: 0, givenUp: false };
}

export function receiveInfoRequest(
  host: ClientMethodHost,
  state: Extract<KeyboardInteractiveState, { kind: "sent" }>,
  payload: Uint8Array,
): KeyboardInteractiveState {
  const { limits } = host;
  const rounds = state.rounds + 1;
  // rule: kbd-int-rounds
  if (rounds > limits.keyboardInteractiveRounds)
    throw new SshError(
      "auth-limit",
      `the server sent more than ${limits.keyboardInteractiveRounds} rounds of prompts in one keyboard-interactive conversation (\`keyboardInteractiveRounds\`)`,
    );
  boundPrompt(limits, payload);
  const { name, instruction, prompts } = SSH_MSG_USERAUTH_INFO_REQUEST.decode(payload);
  // rule: kbd-int-prompts
  if (prompts.length > limits.promptsPerRound)
    throw new SshError(
      "auth-limit",
      `the server sent ${prompts.length} prompts in one round, but the maximum is ${limits.promptsPerRound} (\`promptsPerRound\`)`,
    );
  if (prompts.length === 0) {
    // A request without prompts still needs a response (RFC 4256 §3.4), but no answer from the application.
    if (name !== "" || instruction !== "") host.emit({ type: "instruction", name, instruction });
    return sendResponses(host, { rounds, givenUp: state.givenUp }, []);
  }
  if (state.givenUp) return sendNothing(host, rounds, prompts.length);
  const token = askToken("prompts");
  host.emit({ type: "prompts", token, round: rounds, name, instruction, prompts });
  return { method: "keyboard-interactive", kind: "asked", rounds, token, promptCount: prompts.length };
}

export function sendResponses(
  host: ClientMethodHost,
  conversation: { readonly rounds: number; readonly givenUp: boolean },
  responses: readonly string[],
): KeyboardInteractiveState {
  host.send(SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses }));
  return { method: "keyboard-interactive", kind: "sent", ...conversation };
}

/**
 * Abandons the conversation: answers every prompt with an empty response until the server ends it. A new request would also end it
 * (RFC 4252 §5.1), but Erlang's server disconnects on that.
 */
export function sendNothing(host: ClientMethodHost, rounds: number, promptCount: number): KeyboardInteractiveState {
  return sendResponses(
    host,
    { rounds, givenUp: true },
    Array.from({ length: promptCount }, () => ""),
  );
}
