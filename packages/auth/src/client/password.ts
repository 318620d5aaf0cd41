import { SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, SshError, userauthPassword } from "@nacre/wire";
import type { AuthToken } from "../token.ts";
import { boundPrompt } from "./bounds.ts";
import type { ClientDriver } from "./types.ts";

/** Password authentication (RFC 4252 §8). `changes`: how often the server has demanded a new password. */
export type PasswordState = { readonly method: "password" } & (
  | { readonly step: "asked"; readonly token: AuthToken }
  | { readonly step: "sent"; readonly changes: number }
  | { readonly step: "change-asked"; readonly token: AuthToken; readonly changes: number }
);

export function beginPassword(driver: ClientDriver, attempt: number): PasswordState {
  const token = Symbol("password");
  driver.emit({ type: "password", token, attempt });
  return { method: "password", step: "asked", token };
}

export function sendPassword(driver: ClientDriver, password: string): PasswordState {
  driver.request("password", userauthPassword.encode({ password, newPassword: undefined }));
  return { method: "password", step: "sent", changes: 0 };
}

/** The password has expired, or the new one was not acceptable. */
export function receivePasswdChangereq(
  driver: ClientDriver,
  state: Extract<PasswordState, { step: "sent" }>,
  payload: Uint8Array,
): PasswordState {
  boundPrompt(driver.limits, payload);
  const { prompt } = SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.decode(payload);
  const changes = state.changes + 1;
  // rule: password-changes
  if (changes > driver.limits.passwordChanges)
    throw new SshError("auth-limit", `the server demanded a new password more than ${state.changes} times in a row`);
  const token = Symbol("change-password");
  driver.emit({ type: "change-password", token, prompt });
  return { method: "password", step: "change-asked", token, changes };
}

export function sendPasswordChange(
  driver: ClientDriver,
  state: Extract<PasswordState, { step: "change-asked" }>,
  passwords: { readonly oldPassword: string; readonly newPassword: string },
): PasswordState {
  const { oldPassword, newPassword } = passwords;
  driver.request("password", userauthPassword.encode({ password: oldPassword, newPassword }));
  return { method: "password", step: "sent", changes: state.changes };
}
