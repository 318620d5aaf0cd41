import type { PacketSink } from "@nacre/packet";
import type { Overrides, SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { ServerAsk } from "../methods/list.ts";
import type { LoginSubject, ServerLoginOptions, ServerMethod } from "../methods/server-method.ts";

/** Options of `ServerAuth`. */
export interface ServerAuthOptions extends ServerLoginOptions {
  /** Receives outgoing messages. */
  readonly sink: PacketSink;
  /** Login methods that the server can handle. The first with a name counts. */
  readonly loginMethods: readonly ServerMethod[];
  /**
   * Names of the methods offered to clients: the same for every user, known or not. To require another factor of one user, answer with a
   * `partial` verdict, which may name any of `loginMethods`. With "none" among them, a login without proof is asked about instead of
   * refused; clients are never told of that one (RFC 4252 §5.2).
   */
  readonly methods: readonly string[];
  /** Banner sent to every client before it logs in (RFC 4252 §5.4). */
  readonly banner?: string;
  readonly limits?: Overrides<AuthLimits> | undefined;
}

/** An event of `ServerAuth`: progress, or an ask. */
export type ServerAuthEvent =
  /** Name of the login method in use, which gives the message numbers 60 to 79 their meaning. The transport's gate needs it. */
  | { readonly type: "method"; readonly method: string | undefined }
  | ServerAsk
  /** The user was admitted with these factors. Last event. */
  | ({ readonly type: "success" } & LoginSubject)
  /** The client broke the protocol or exceeded a limit. Last event. */
  | { readonly type: "closed"; readonly error: SshError };
