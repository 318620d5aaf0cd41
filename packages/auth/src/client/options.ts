import type { PacketSink } from "@nacre/packet";
import type { Overrides, SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { ClientLoginOptions, ClientMethod } from "../methods/client-method.ts";
import type { ClientAsk } from "../methods/list.ts";

/** Options of `ClientAuth`. */
export interface ClientAuthOptions extends ClientLoginOptions {
  /** Receives outgoing messages. */
  readonly sink: PacketSink;
  /** Login methods to try, preferred first. Names must be unique. */
  readonly loginMethods: readonly ClientMethod[];
  readonly limits?: Overrides<AuthLimits> | undefined;
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
  /** Authentication succeeded. Last event. */
  | { readonly type: "success" }
  /** Authentication failed: the server refused all attempts (`auth-failed`) or broke the protocol. Last event. */
  | { readonly type: "closed"; readonly error: SshError };
