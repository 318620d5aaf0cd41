import { type AskToken, askToken, SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, SshError, userauthPassword } from "@nacre/wire";

import { boundPrompt } from "./bounds.ts";
import type { ClientMethodHost } from "./types.ts";

/** Password authentication (RFC 4252 §8). `changes` counts the server's demands for a new password. */
export type PasswordState = { readonly method: "password" } & (
  | { readonly kind: "asked"; readonly token: AskToken }
  | { readonly kind: "sent"; readonly changes: number }
  | { readonly kind: "change-asked"; readonly token: AskToken; readonly changes: number }
);

export function beginPassword(host: ClientMethodHost, attempt: number): PasswordState {
  const token = askToken("password");
  host.emit({ type: "password", token, attempt });
  return { method: "password", kind: "asked", token };
}

export function sendPassword(host: ClientMethodHost, password: string): PasswordState {
  host.request("password", userauthPassword.encode({ password, newPassword: undefined }));
  return { method: "password", kind: "sent", changes: 0 };
}

/** Handles SSH_MSG_USERAUTH_PASSWD_CHANGEREQ: the password expired, or the server rejected the new one. */
export function receivePasswdChangereq(
  host: ClientMethodHost,
  state: Extract<PasswordState, { kind: "sent" }>,
  payload: Uint8Array,
): PasswordState {
  boundPrompt(host.limits, payload);
  const { prompt } = SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.decode(payload);
  const changes = state.changes + 1;
  // rule: password-changes
  if (changes > host.limits.passwordChanges)
    throw new SshError(
      "auth-limit",
      `the server demanded a new password more than ${state.changes} times in one attempt (\`passwordChanges\`)`,
    );
  const token = askToken("change-password");
  host.emit({ type: "change-password", token, prompt });
  return { method: "password", kind: "change-asked", token, changes };
}

export function sendPasswordChange(
  host: ClientMethodHost,
  state: Extract<PasswordState, { kind: "change-asked" }>,
  passwords: { readonly oldPassword: string; readonly newPassword: string },
): PasswordState {
  const { oldPassword, newPassword } = passwords;
  host.request("password", userauthPassword.encode({ password: oldPassword, newPassword }));
  return { method: "password", kind: "sent", changes: state.changes };
}
