import type { PacketSink } from "@nacre/packet";
import type { AskToken, Overrides, SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { ClientLoginOptions, ClientMethod } from "../methods/client-method.ts";
import type { ClientAsk } from "../methods/list.ts";

/** Options of `ClientAuth`. */
export interface ClientAuthOptions extends ClientLoginOptions {
  /** Receives outgoing messages. */
  readonly sink: PacketSink;
  /** Login methods to try, preferred first. Names must be unique. */
  readonly loginMethods: readonly ClientMethod[];
  /** Whether to ask for each attempt (`next-attempt`) instead of trying `loginMethods` in order; default false. */
  readonly asksAttempts?: boolean | undefined;
  /** Whether the server may be a false one: only methods that are `isSecretless` are used then. Default false. */
  readonly isRestricted?: boolean | undefined;
  readonly limits?: Overrides<AuthLimits> | undefined;
}

/**
 * An attempt that the application chooses: the answer to `next-attempt`. The method must be one of `loginMethods` or have no messages of
 * its own. `options` replace those of the login for this attempt.
 */
export interface ChosenAttempt {
  readonly method: ClientMethod;
  readonly options: Partial<Pick<ClientLoginOptions, "userName" | "identities" | "password" | "keyboardInteractive">>;
}

/** An event of `ClientAuth`: progress, or an ask. */
export type ClientAuthEvent =
  /** Name of the login method in use, which gives the message numbers 60 to 79 their meaning. The transport's gate needs it. */
  | { readonly type: "method"; readonly method: string | undefined }
  /** Banner (RFC 4252 §5.4). Raw text from the server: escape it before display. */
  | { readonly type: "banner"; readonly message: string }
  /** Text of a login method that needs no answer, such as keyboard-interactive without prompts. Raw text from the server. */
  | { readonly type: "instruction"; readonly name: string; readonly instruction: string }
  | ClientAsk
  /**
   * Asks which attempt comes next, if `asksAttempts`: a `ChosenAttempt`, or `undefined` to end the login. The time until the answer counts
   * toward the time limit of the login.
   */
  | {
      readonly type: "next-attempt";
      readonly token: AskToken;
      /** Methods in the server's last SSH_MSG_USERAUTH_FAILURE, raw text; `undefined` before the first. */
      readonly methods: readonly string[] | undefined;
      /** Whether the last attempt succeeded, and the server requires another factor. */
      readonly partialSuccess: boolean;
    }
  /** Authentication succeeded. Last event. */
  | { readonly type: "success" }
  /** Authentication failed: the server refused all attempts (`auth-failed`) or broke the protocol. Last event. */
  | { readonly type: "closed"; readonly error: SshError };
