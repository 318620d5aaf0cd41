import {
  type LoginMessage,
  SSH_MSG_USERAUTH_PASSWD_CHANGEREQ,
  SshError,
  userauthPassword,
  utf8Encode,
} from "@nacre/wire";
import type { ClientAttempt, ClientMethod } from "./client-method.ts";
import { boundPrompt, invalidAnswer } from "./messages.ts";
import type { ServerMethod } from "./server-method.ts";

/** An ask of a client's "password" method. */
export type ClientPasswordAsk =
  /** Asks for a password; `undefined` abandons the method. `attempt` counts from 1; from 2 on, the server refused the previous password. */
  | { readonly type: "password"; readonly attempt: number }
  /** Asks for the old and the new password; `undefined` abandons the method. `prompt` is raw text from the server. */
  | { readonly type: "change-password"; readonly prompt: string };

/** Answer to `change-password`. */
interface PasswordChange {
  readonly oldPassword: string;
  readonly newPassword: string;
}

/**
 * An ask of a server's "password" method. The answer is a verdict, or `{ changePrompt }`: the client must change its password or choose a
 * better one, which counts as a failed attempt.
 */
export type ServerPasswordAsk =
  | { readonly type: "password"; readonly password: string }
  /** Answer with "failure" if the password was not changed. */
  | { readonly type: "change-password"; readonly oldPassword: string; readonly newPassword: string };

const name = "password";
const messages: readonly LoginMessage[] = [{ message: SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, sender: "server" }];

/** Password authentication (RFC 4252 §8). A fixed password is tried once. */
export const clientPassword: ClientMethod = {
  name,
  messages,
  start(login) {
    const { options, limits } = login;
    let left = options.password === false ? 0 : options.password === "fixed" ? 1 : limits.passwordAttempts;
    let asked = 0;

    /** An attempt in which the server demanded a new password `changes` times. */
    const attempt = (changes: number): ClientAttempt => ({
      /** The password expired, or the server rejected the new one. */
      receive(payload) {
        boundPrompt(limits, payload);
        const { prompt } = SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.decode(payload);
        // rule: password-changes
        if (changes >= limits.passwordChanges)
          throw new SshError(
            "auth-limit",
            `the server demanded a new password more than ${changes} times in one attempt (\`passwordChanges\`)`,
          );
        login.ask({ type: "change-password", prompt } satisfies ClientPasswordAsk, (answer) => {
          if (answer === undefined) return giveUp("the server demanded a new password, but none was given");
          if (!isPasswordChange(answer)) throw invalidAnswer("changePassword");
          const { oldPassword, newPassword } = answer;
          login.request(userauthPassword.encode({ password: oldPassword, newPassword }), attempt(changes + 1));
        });
      },
      failed(accepted) {
        if (accepted) left = 0;
        return name;
      },
    });

    const giveUp = (why: string): void => {
      left = 0;
      login.note(why);
      login.next();
    };

    return {
      begin() {
        if (left === 0) return false;
        left--;
        login.ask({ type: "password", attempt: ++asked } satisfies ClientPasswordAsk, (password) => {
          if (password === undefined) return giveUp("password was abandoned because no answer was given");
          if (typeof password !== "string") throw invalidAnswer("password");
          login.request(userauthPassword.encode({ password, newPassword: undefined }), attempt(0));
        });
        return true;
      },
    };
  },
};

/** Passes passwords to the application. One longer than `limits.passwordBytes` is refused without asking. */
export const serverPassword: ServerMethod = {
  name,
  messages,
  begin(attempt, methodData) {
    const { password, newPassword } = userauthPassword.decode(methodData);
    const { passwordBytes } = attempt.limits;
    if (
      /* rule: password-length */ utf8Encode(password).length > passwordBytes ||
      utf8Encode(newPassword ?? "").length > passwordBytes
    )
      return attempt.fail();
    const answered = (verdict: unknown): void => {
      if (!isChangePrompt(verdict)) return attempt.judge({ method: "password" }, verdict);
      attempt.progress.countFailure();
      attempt.reply(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt: verdict.changePrompt, languageTag: "" }));
    };
    if (newPassword === undefined) attempt.ask({ type: "password", password } satisfies ServerPasswordAsk, answered);
    else
      attempt.ask(
        { type: "change-password", oldPassword: password, newPassword } satisfies ServerPasswordAsk,
        answered,
      );
  },
};

function isPasswordChange(answer: unknown): answer is PasswordChange {
  const { oldPassword, newPassword } = (answer ?? {}) as Partial<PasswordChange>;
  return typeof oldPassword === "string" && typeof newPassword === "string";
}

function isChangePrompt(verdict: unknown): verdict is { readonly changePrompt: string } {
  return typeof (verdict as { readonly changePrompt?: unknown } | null)?.changePrompt === "string";
}
