import { clientPassword as client, serverPassword as server } from "@nacre/auth";
import { type ClientLoginMethod, type ServerLoginMethod, whenKnown } from "./method.ts";

/** Passwords (RFC 4252 §8), from the options `password` and `changePassword`. */
export const clientPassword: ClientLoginMethod = {
  method: client,
  uses: ["password"],
  application:
    ({ options: { password, changePassword } }) =>
    (ask) => {
      if (ask.type === "change-password") return changePassword?.(ask.prompt);
      return ask.type === "password" && typeof password === "function" ? password(ask.attempt) : password;
    },
};

/** Passwords (RFC 4252 §8). */
export const serverPassword: ServerLoginMethod = {
  method: server,
  application: (login) => ({
    answer(ask) {
      const facts =
        ask.type === "password"
          ? ({ method: "password", password: ask.password } as const)
          : ask.type === "change-password"
            ? ({ method: "change-password", oldPassword: ask.oldPassword, newPassword: ask.newPassword } as const)
            : undefined;
      if (facts === undefined) return "failure";
      return whenKnown(login.decide(ask, facts, { mayChangePassword: true }), (decision) =>
        typeof decision === "object" && "changePassword" in decision
          ? { changePrompt: decision.changePassword }
          : login.verdict(ask, decision),
      );
    },
  }),
};
