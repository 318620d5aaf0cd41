import { clientPassword as client, type ServerPasswordAsk, serverPassword as server } from "@nacre/auth";
import { whenKnown } from "../../mux/engine.ts";
import type { ClientLoginMethod } from "../client/method.ts";
import type { ServerLoginMethod } from "../server/method.ts";

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
      // A method gets only its own asks.
      const given = ask as ServerPasswordAsk;
      const facts =
        given.type === "password"
          ? { method: given.type, password: given.password }
          : { method: given.type, oldPassword: given.oldPassword, newPassword: given.newPassword };
      return whenKnown(login.decide(ask, facts, true), (decision) =>
        typeof decision === "object" && "changePassword" in decision
          ? { changePrompt: decision.changePassword }
          : login.verdict(ask, decision),
      );
    },
  }),
};
