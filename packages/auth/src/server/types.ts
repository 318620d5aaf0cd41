import type { SignatureAlgorithm } from "@nacre/keys";
import type { PacketSink } from "@nacre/packet";
import { type AskToken, type Bytes, type MethodContext, type Overrides, type Prompt, type SshError } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";

/** Authentication method that the application can decide. */
export type LoginMethod = "publickey" | "password" | "keyboard-interactive";

/** Options of `ServerAuth`. */
export interface ServerAuthOptions {
  /** Receives outgoing messages. */
  readonly sink: PacketSink;
  /** Exchange hash of the first key exchange; signatures cover it (RFC 4252 §7). */
  readonly sessionId: Uint8Array;
  /**
   * Methods offered to clients: the same for every user, known or not. To require another factor of one user, answer with a `partial`
   * verdict.
   */
  readonly methods: readonly LoginMethod[];
  /** Signature algorithms accepted from user keys. The server's `server-sig-algs` extension must list the same names (RFC 8308 §3.1). */
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  /** Banner sent to every client before it logs in (RFC 4252 §5.4). */
  readonly banner?: string;
  readonly limits?: Overrides<AuthLimits> | undefined;
}

/** A public key and the signature algorithm it is used with. */
export interface LoginKey {
  /** Signature algorithm name, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob; a copy. */
  readonly publicKey: Bytes;
}

/** One factor that a client has proved. A "publickey" factor holds the key whose signature was verified. */
export type Factor =
  | ({ readonly method: "publickey" } & LoginKey)
  | { readonly method: "password" | "keyboard-interactive" };

/** The user and service of a login request. */
export interface LoginSubject {
  /** User name as the client sent it. It may be any text: escape it before display. */
  readonly userName: string;
  readonly serviceName: string;
  /** Factors this client has already proved for this user, in a login with several factors. */
  readonly factors: readonly Factor[];
}

/**
 * Decision of the application about a login. "success" admits the user, "failure" refuses. `partial` accepts this factor and requires one
 * of the listed methods next (RFC 4252 §5.1). Refuse an unknown user exactly like one with a wrong key or password.
 */
export type LoginVerdict = "success" | "failure" | { readonly partial: readonly LoginMethod[] };

/** Texts and prompts of one keyboard-interactive round (RFC 4256 §3.2). Without prompts, only the texts are shown. */
export interface Questions {
  readonly name?: string | undefined;
  readonly instruction?: string | undefined;
  readonly prompts: readonly Prompt[];
}

type Ask<Type extends string, Content = unknown> = { readonly type: Type; readonly token: AskToken } & LoginSubject &
  Content;

/** An event of `ServerAuth`: progress, or an ask. */
export type ServerAuthEvent =
  /** Changes the meaning of message numbers 60 to 79; the transport's gate needs it. */
  | { readonly type: "method"; readonly method: MethodContext | undefined }
  /** Asks for `answerQuery`: whether a login with this key could succeed. A query proves nothing about the client. */
  | Ask<"query", LoginKey>
  /** Asks for `answerPublickey`. The signature was verified, so the client holds the private key. */
  | Ask<"publickey", LoginKey>
  /** Asks for `answerPassword`. */
  | Ask<"password", { readonly password: string }>
  /** Asks for `answerPassword`, with "failure" if the password was not changed. */
  | Ask<"change-password", { readonly oldPassword: string; readonly newPassword: string }>
  /** Asks for `answerKeyboardInteractive` at the start of a conversation. `submethods` is the client's hint, raw text. */
  | Ask<"keyboard-interactive", { readonly submethods: string }>
  /** Asks for `answerKeyboardInteractive` after a round. There is one response per prompt of that round, in order. */
  | Ask<"responses", { readonly responses: readonly string[] }>
  /** The user was admitted with these factors. Last event. */
  | ({ readonly type: "success" } & LoginSubject)
  /** The client broke the protocol or exceeded a limit. Last event. */
  | { readonly type: "closed"; readonly error: SshError };

/** Interface through which a method emits events and reads its options. */
export interface ServerMethodHost {
  readonly options: ServerAuthOptions;
  readonly limits: AuthLimits;
  emit(event: ServerAuthEvent): void;
}
