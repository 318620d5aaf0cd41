import {
  type AskToken,
  askToken,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  userauthKeyboardInteractive,
} from "@nacre/wire";

import type { LoginSubject, Questions, ServerMethodHost } from "./types.ts";

/** A keyboard-interactive conversation (RFC 4256). `rounds` is the number of SSH_MSG_USERAUTH_INFO_REQUESTs sent. */
export type KeyboardInteractiveState = { readonly subject: LoginSubject; readonly rounds: number } & (
  | /** Waiting for the application. */ {
      readonly kind: "asked";
      readonly about: "keyboard-interactive";
      readonly token: AskToken;
    }
  | /** Waiting for the client's responses. */ { readonly kind: "questioned"; readonly promptCount: number }
);

export function receiveKeyboardInteractive(
  host: ServerMethodHost,
  subject: LoginSubject,
  methodData: Uint8Array,
): KeyboardInteractiveState {
  const { submethods } = userauthKeyboardInteractive.decode(methodData);
  const token = askToken("keyboard-interactive");
  host.emit({ type: "keyboard-interactive", token, ...subject, submethods });
  return { kind: "asked", about: "keyboard-interactive", token, subject, rounds: 0 };
}

/**
 * Sends the application's questions. Returns `undefined` if that would exceed `limits.keyboardInteractiveRounds`; the attempt then fails.
 */
export function sendInfoRequest(
  host: ServerMethodHost,
  { subject, rounds }: KeyboardInteractiveState,
  { name = "", instruction = "", prompts }: Questions,
): KeyboardInteractiveState | undefined {
  if (rounds >= host.limits.keyboardInteractiveRounds) return undefined;
  host.options.sink.write(SSH_MSG_USERAUTH_INFO_REQUEST.encode({ name, instruction, languageTag: "", prompts }));
  return { kind: "questioned", promptCount: prompts.length, subject, rounds: rounds + 1 };
}

/**
 * Passes the client's responses to the application. Returns `undefined` if their number differs from the number of prompts; the attempt
 * then fails (RFC 4256 §3.4).
 */
export function receiveInfoResponse(
  host: ServerMethodHost,
  state: Extract<KeyboardInteractiveState, { kind: "questioned" }>,
  payload: Uint8Array,
): KeyboardInteractiveState | undefined {
  const { responses } = SSH_MSG_USERAUTH_INFO_RESPONSE.decode(payload);
  // rule: kbd-int-responses
  if (responses.length !== state.promptCount) return undefined;
  const { subject, rounds } = state;
  const token = askToken("responses");
  host.emit({ type: "responses", token, ...subject, responses });
  return { kind: "asked", about: "keyboard-interactive", token, subject, rounds };
}
