import { type AskToken, askToken, SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, userauthPassword, utf8Encode } from "@nacre/wire";

import type { LoginSubject, ServerMethodDriver } from "./types.ts";

/** Waiting for the application's decision about a password (RFC 4252 §8). */
export interface PasswordState {
  readonly kind: "asked";
  readonly about: "password";
  readonly token: AskToken;
  readonly subject: LoginSubject;
}

/** Passes the password to the application. Returns `undefined` if it is longer than `limits.passwordBytes`; the attempt then fails. */
export function receivePassword(
  driver: ServerMethodDriver,
  subject: LoginSubject,
  methodData: Uint8Array,
): PasswordState | undefined {
  const { password, newPassword } = userauthPassword.decode(methodData);
  const { passwordBytes } = driver.limits;
  if (
    /* rule: password-length */ utf8Encode(password).length > passwordBytes ||
    utf8Encode(newPassword ?? "").length > passwordBytes
  )
    return undefined;
  const token = askToken("password");
  if (newPassword === undefined) driver.emit({ type: "password", token, ...subject, password });
  else driver.emit({ type: "change-password", token, ...subject, oldPassword: password, newPassword });
  return { kind: "asked", about: "password", token, subject };
}

export function sendPasswdChangereq(driver: ServerMethodDriver, prompt: string): void {
  driver.options.sink.write(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt, languageTag: "" }));
}
