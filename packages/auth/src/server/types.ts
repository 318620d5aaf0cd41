import type { SignatureAlgorithm } from "@nacre/keys";
import type { PacketSink } from "@nacre/packet";
import { type AskToken, type Bytes, type MethodContext, type Overrides, type Prompt, type SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";

/** A method by which a user can log in. */
export type LoginMethod = "publickey" | "password" | "keyboard-interactive";

/** Options of the server's side of authentication. */
export interface ServerAuthOptions {
  /** Where messages go. */
  readonly sink: PacketSink;
  /** The exchange hash of the first key exchange, which signatures are bound to (RFC 4252 §7). */
  readonly sessionId: Uint8Array;
  /** What a client may try, the same for every user, known or not. What one user must add is said by `partial` verdicts. */
  readonly methods: readonly LoginMethod[];
  /** What user keys may sign with. The same names belong into the server's `server-sig-algs` (RFC 8308 §3.1). */
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  /** Shown to every client before it logs in (RFC 4252 §5.4). */
  readonly banner?: string;
  readonly limits?: Overrides<AuthLimits> | undefined;
}

/** A public key, and the signature algorithm it is used with. */
export interface LoginKey {
  /** `"rsa-sha2-512"` */
  readonly algorithm: string;
  /** Public key blob, a copy. */
  readonly publicKey: Bytes;
}

/** One thing that a client has proved. The key of a "publickey" factor is the one whose signature was verified. */
export type Factor =
  | ({ readonly method: "publickey" } & LoginKey)
  | { readonly method: "password" | "keyboard-interactive" };

/** Whom a request is about. */
export interface LoginSubject {
  /** As the client sent it: any text. Escape it before showing it. */
  readonly userName: string;
  readonly serviceName: string;
  /** What this client has proved for this very user already: the accepted part of a login with several factors. */
  readonly factors: readonly Factor[];
}

/**
 * What the application says of a login: let in; refused; or this part is right, and one of the methods named must follow
 * (RFC 4252 §5.1). A user that does not exist is refused like one with a wrong key or password.
 */
export type LoginVerdict = "success" | "failure" | { readonly partial: readonly LoginMethod[] };

/** What to ask a user in one round of keyboard-interactive (RFC 4256 §3.2). No prompt at all shows the texts only. */
export interface Questions {
  readonly name?: string | undefined;
  readonly instruction?: string | undefined;
  readonly prompts: readonly Prompt[];
}

type Ask<Type extends string, Content = unknown> = { readonly type: Type; readonly token: AskToken } & LoginSubject &
  Content;

/** Reports progress, or asks the application for a decision. */
export type ServerAuthEvent =
  /** What message numbers 60 to 79 mean from now on: the context for the transport's gate. */
  | { readonly type: "method"; readonly method: MethodContext | undefined }
  /** Wants `answerQuery`: whether a login with this key could succeed. Nothing is proved by it. */
  | Ask<"query", LoginKey>
  /** Wants `answerPublickey`. The signature has been verified: the client has the key's private half. */
  | Ask<"publickey", LoginKey>
  /** Wants `answerPassword`. */
  | Ask<"password", { readonly password: string }>
  /** Wants `answerPassword`: "failure" when the password was not changed. */
  | Ask<"change-password", { readonly oldPassword: string; readonly newPassword: string }>
  /** Wants `answerKeyboardInteractive`: a conversation begins. `submethods` is the client's hint, raw text. */
  | Ask<"keyboard-interactive", { readonly submethods: string }>
  /** Wants `answerKeyboardInteractive`: one response for each prompt of the last round, in order. */
  | Ask<"responses", { readonly responses: readonly string[] }>
  /** The user is in, by these factors. The last event. */
  | ({ readonly type: "success" } & LoginSubject)
  /** The client broke the protocol, or a limit. The last event. */
  | { readonly type: "closed"; readonly error: SshError };

/** What a method does through the driver that runs it. */
export interface ServerMethodDriver {
  readonly options: ServerAuthOptions;
  readonly limits: AuthLimits;
  emit(event: ServerAuthEvent): void;
}
