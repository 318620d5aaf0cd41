import { type AskToken, askToken, SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, userauthPassword, utf8Encode } from "@nacre/wire";

import type { LoginSubject, ServerMethodHost } from "./types.ts";

/** Waiting for the application's decision about a password (RFC 4252 §8). */
export interface PasswordState {
  readonly kind: "asked";
  readonly about: "password";
  readonly token: AskToken;
  readonly subject: LoginSubject;
}

/** Passes the password to the application. Returns `undefined` if it is longer than `limits.passwordBytes`; the attempt then fails. */
export function receivePassword(
  host: ServerMethodHost,
  subject: LoginSubject,
  methodData: Uint8Array,
): PasswordState | undefined {
  const { password, newPassword } = userauthPassword.decode(methodData);
  const { passwordBytes } = host.limits;
  if (
    /* rule: password-length */ utf8Encode(password).length > passwordBytes ||
    utf8Encode(newPassword ?? "").length > passwordBytes
  )
    return undefined;
  const token = askToken("password");
  if (newPassword === undefined) host.emit({ type: "password", token, ...subject, password });
  else host.emit({ type: "change-password", token, ...subject, oldPassword: password, newPassword });
  return { kind: "asked", about: "password", token, subject };
}

export function sendPasswdChangereq(host: ServerMethodHost, prompt: string): void {
  host.options.sink.write(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt, languageTag: "" }));
}
