import type { ClientMethod } from "./client-method.ts";
import type { ServerMethod } from "./server-method.ts";

/**
 * The method "none" (RFC 4252 §5.2). It tells the client which methods the server accepts, unless the server admits the user without any.
 * Sent only if nothing before it in the list has asked the server, or if the application chooses it.
 */
export const clientNone: ClientMethod = {
  name: "none",
  isSecretless: true,
  messages: [],
  start(login) {
    let isSent = false;
    return {
      begin() {
        if (isSent || (!login.isChosen && login.canContinue() !== undefined)) return false;
        isSent = true;
        login.request(new Uint8Array(0), { failed: () => (login.isChosen ? "none" : undefined) });
        return true;
      },
    };
  },
};

/** An ask of a server's "none" method, if `methods` has it. The answer is a verdict. */
export interface ServerNoneAsk {
  readonly type: "none";
}

/** Asks the application about a login without any proof if the server's `methods` name "none", and refuses it otherwise. */
export const serverNone: ServerMethod = {
  name: "none",
  messages: [],
  isUnlisted: true,
  begin(attempt) {
    attempt.progress.countNone();
    // rule: none-by-name
    if (!attempt.isOffered) return attempt.refuse();
    attempt.ask({ type: "none" } satisfies ServerNoneAsk, (verdict) =>
      attempt.judge({ method: "none" }, verdict, "counted"),
    );
  },
};
