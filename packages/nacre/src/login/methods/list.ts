import { clientNone as none, serverNone as server } from "@nacre/auth";
import { whenKnown } from "../../mux/engine.ts";
import type { ClientLoginMethod } from "../client/method.ts";
import type { ServerLoginMethod } from "../server/method.ts";
import { clientKeyboardInteractive, serverKeyboardInteractive } from "./keyboard-interactive.ts";
import { clientPassword, serverPassword } from "./password.ts";
import { clientPublickey, serverPublickey } from "./publickey.ts";

/** Asks which methods the server accepts, unless it admits the user without any (RFC 4252 §5.2). */
export const clientNone: ClientLoginMethod = { method: none };

/** Refuses "none", which clients send to learn the methods, unless the option `methods` of `serve` names it. */
export const serverNone: ServerLoginMethod = {
  method: server,
  application: (login) => ({
    answer: (ask) => whenKnown(login.decide(ask, { method: "none" }), (decision) => login.verdict(ask, decision)),
  }),
};

/** Login methods of a client by default, in OpenSSH's order. */
export const clientMethods: readonly ClientLoginMethod[] = [
  clientPublickey,
  clientNone,
  clientKeyboardInteractive,
  clientPassword,
];

/** Login methods that a server knows by name. */
export const serverMethods: readonly ServerLoginMethod[] = [
  serverNone,
  serverPublickey,
  serverPassword,
  serverKeyboardInteractive,
];
