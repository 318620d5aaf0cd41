import type { ClientMethod } from "./client-method.ts";
import type { ServerMethod } from "./server-method.ts";

/**
 * The method "none" (RFC 4252 §5.2). It tells the client which methods the server accepts, unless the server admits the user without any.
 * Sent only if nothing before it in the list has asked the server.
 */
export const clientNone: ClientMethod = {
  name: "none",
  isSecretless: true,
  messages: [],
  start(login) {
    let isSent = false;
    return {
      begin() {
        if (isSent || login.canContinue() !== undefined) return false;
        isSent = true;
        login.request(new Uint8Array(0), { failed: () => undefined });
        return true;
      },
    };
  },
};

/** Refuses "none". */
export const serverNone: ServerMethod = {
  name: "none",
  messages: [],
  isUnlisted: true,
  begin(attempt) {
    attempt.progress.countNone();
    attempt.refuse();
  },
};
