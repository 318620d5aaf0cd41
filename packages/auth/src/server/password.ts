import { SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, userauthPassword, utf8Encode } from "@nacre/wire";
import type { AuthToken } from "../token.ts";
import type { LoginSubject, ServerDriver } from "./types.ts";

/** The application is asked about a password (RFC 4252 §8). */
export interface PasswordState {
  readonly step: "asked";
  readonly about: "password";
  readonly token: AuthToken;
  readonly subject: LoginSubject;
}

/** `undefined`: refused, for a password longer than the limit. */
export function receivePassword(
  driver: ServerDriver,
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
  const token = Symbol("password");
  if (newPassword === undefined) driver.emit({ type: "password", token, ...subject, password });
  else driver.emit({ type: "change-password", token, ...subject, oldPassword: password, newPassword });
  return { step: "asked", about: "password", token, subject };
}

export function sendPasswdChangereq(driver: ServerDriver, prompt: string): void {
  driver.options.sink.write(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt, languageTag: "" }));
}
