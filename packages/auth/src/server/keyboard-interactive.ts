import {
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  userauthKeyboardInteractive,
} from "@nacre/wire";
import type { AuthToken } from "../token.ts";
import type { LoginSubject, Questions, ServerDriver } from "./types.ts";

/** A conversation (RFC 4256). `rounds`: SSH_MSG_USERAUTH_INFO_REQUESTs sent. */
export type KeyboardInteractiveState = { readonly subject: LoginSubject; readonly rounds: number } & (
  | /** The application has the word. */ {
      readonly step: "asked";
      readonly about: "keyboard-interactive";
      readonly token: AuthToken;
    }
  | /** The client has it. */ { readonly step: "questioned"; readonly promptCount: number }
);

export function receiveKeyboardInteractive(
  driver: ServerDriver,
  subject: LoginSubject,
  methodData: Uint8Array,
): KeyboardInteractiveState {
  const { submethods } = userauthKeyboardInteractive.decode(methodData);
  const token = Symbol("keyboard-interactive");
  driver.emit({ type: "keyboard-interactive", token, ...subject, submethods });
  return { step: "asked", about: "keyboard-interactive", token, subject, rounds: 0 };
}

/** The application has questions. `undefined`: refused, for they are a round too many. */
export function sendInfoRequest(
  driver: ServerDriver,
  { subject, rounds }: KeyboardInteractiveState,
  { name = "", instruction = "", prompts }: Questions,
): KeyboardInteractiveState | undefined {
  if (rounds >= driver.limits.keyboardInteractiveRounds) return undefined;
  driver.options.sink.write(SSH_MSG_USERAUTH_INFO_REQUEST.encode({ name, instruction, languageTag: "", prompts }));
  return { step: "questioned", promptCount: prompts.length, subject, rounds: rounds + 1 };
}

/** `undefined`: refused, for a number of responses that is not the number of prompts (RFC 4256 §3.4). */
export function receiveInfoResponse(
  driver: ServerDriver,
  state: Extract<KeyboardInteractiveState, { step: "questioned" }>,
  payload: Uint8Array,
): KeyboardInteractiveState | undefined {
  const { responses } = SSH_MSG_USERAUTH_INFO_RESPONSE.decode(payload);
  // rule: kbd-int-responses
  if (responses.length !== state.promptCount) return undefined;
  const { subject, rounds } = state;
  const token = Symbol("responses");
  driver.emit({ type: "responses", token, ...subject, responses });
  return { step: "asked", about: "keyboard-interactive", token, subject, rounds };
}
