import type { AskToken } from "@nacre/wire";
import type { ClientMethod } from "./client-method.ts";
import {
  type ClientPromptsAsk,
  clientKeyboardInteractive,
  type ServerPromptsAsk,
  serverKeyboardInteractive,
} from "./keyboard-interactive.ts";
import { clientNone, type ServerNoneAsk, serverNone } from "./none.ts";
import { type ClientPasswordAsk, clientPassword, type ServerPasswordAsk, serverPassword } from "./password.ts";
import {
  type ClientIdentitiesAsk,
  type ClientSignAsk,
  clientPublickey,
  type ServerKeyAsk,
  serverPublickey,
} from "./publickey.ts";
import type { LoginSubject, ServerMethod } from "./server-method.ts";

/** An ask of a method that an application brings. `question` is the method's own. */
export interface OtherAsk {
  readonly type: "ask";
  readonly question: unknown;
}

/** Members of every ask of a login method. */
export interface MethodAsked {
  readonly token: AskToken;
  /** Name of the login method that asks. */
  readonly method: string;
}

/** An ask of a client's login method, to be answered with `answer` and its token. */
export type ClientAsk = MethodAsked &
  (ClientIdentitiesAsk | ClientSignAsk | ClientPromptsAsk | ClientPasswordAsk | OtherAsk);

/** An ask of a server's login method, to be answered with `answer` and its token. */
export type ServerAsk = MethodAsked &
  LoginSubject & {
    /** Whether this is the first ask of a login request. */
    readonly isFirst: boolean;
  } & (ServerNoneAsk | ServerKeyAsk | ServerPasswordAsk | ServerPromptsAsk | OtherAsk);

/** Login methods of a client in OpenSSH's order: keys, then prompts, then passwords. "none" asks for the server's methods before these. */
export const clientMethods: readonly ClientMethod[] = [
  clientPublickey,
  clientNone,
  clientKeyboardInteractive,
  clientPassword,
];

/** Login methods of a server. */
export const serverMethods: readonly ServerMethod[] = [
  serverNone,
  serverPublickey,
  serverPassword,
  serverKeyboardInteractive,
];
