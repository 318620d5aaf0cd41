import type { Certificate, SignatureAlgorithm, SignatureFacts, SignatureNames } from "@nacre/keys";
import type { Bytes, Extension, LoginMessages } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { MethodAsk } from "./messages.ts";

/**
 * A public key and the signature algorithm it is used with. `certificate` is set if the key is in one, also before it has signed: its
 * authority's signature is verified. The other facts are those of the signature.
 */
export interface LoginKey extends SignatureFacts {
  /** Signature algorithm name, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Blob of the public key, or of the certificate; a copy. */
  readonly publicKey: Bytes;
}

/**
 * One factor that a client has proved. Those with a key or a certificate hold the one whose signature was verified. Both were proved by the
 * method "publickey" (RFC 4252 §7).
 */
export type Factor =
  | ({ readonly method: "publickey" } & Omit<LoginKey, "certificate">)
  | ({ readonly method: "certificate"; readonly certificate: Certificate } & Omit<
      LoginKey,
      "publicKey" | "certificate"
    >)
  | { readonly method: "password" | "keyboard-interactive" }
  /** A method of the application. `details` is what the method says about the client. */
  | { readonly method: "other"; readonly name: string; readonly details: unknown };

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
 * of the named methods next (RFC 4252 §5.1). Refuse an unknown user exactly like one with a wrong key or password.
 */
export type LoginVerdict = "success" | "failure" | { readonly partial: readonly string[] };

/** Options of a server that its login methods read. */
export interface ServerLoginOptions {
  /** Exchange hash of the first key exchange; signatures cover it (RFC 4252 §7). */
  readonly sessionId: Uint8Array;
  /** Signature algorithms accepted from user keys. The server's `server-sig-algs` extension must list the same names (RFC 8308 §3.1). */
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  /** Signature algorithms accepted from authorities in certificates. Default: all that `signatureAlgorithms` can verify. */
  readonly authorityAlgorithms?: readonly SignatureNames[] | undefined;
  /** Host key of the first key exchange. If missing, host-bound logins are refused. */
  readonly hostKey?: Uint8Array | undefined;
}

/** A login method of a server (RFC 4252 §5). */
export interface ServerMethod extends LoginMessages {
  /** Extensions that a server with this method announces (RFC 8308). */
  readonly extensions?: readonly Extension[];
  /** Handles a login request, by name or variant. The data is not kept, except in a copy. */
  begin(attempt: ServerAttempt, methodData: Uint8Array, methodName: string): void;
  /** True for "none", which clients may request although no list of methods has it (RFC 4252 §5.2). */
  readonly isUnlisted?: boolean;
}

/**
 * A login request that a method handles. Each step of a method ends in one of `ask`, `send`, `reply`, `judge`, `fail` and `refuse`. They
 * throw `internal` after the request has ended.
 */
export interface ServerAttempt {
  readonly options: ServerLoginOptions;
  readonly limits: AuthLimits;
  readonly subject: LoginSubject;
  readonly progress: AttemptCounts;
  /**
   * Asks the application: emits `ask` as an event with a token and the subject. `answered` gets the answer, whose type it must check. The
   * ask stays open if `answered` throws `usage`.
   */
  ask(ask: MethodAsk, answered: (answer: unknown) => void): void;
  /** Sends a message of the method. `received` handles the client's next one. */
  send(payload: Uint8Array, received: (payload: Uint8Array) => void): void;
  /** Ends the request with a message of the method. The client goes on with another request. */
  reply(payload: Uint8Array): void;
  /** Ends the request with the application's verdict about `factor`. Throws `usage` for an invalid verdict. */
  judge(factor: Factor, verdict: unknown): void;
  /** Refuses the request, and counts a failed attempt. */
  fail(): void;
  /** Refuses the request. The caller has counted it. */
  refuse(): void;
}

/** Counts of what a client may repeat. Each throws `auth-limit` beyond its limit. */
export interface AttemptCounts {
  /** Counts a failed attempt. */
  countFailure(): void;
  /** Counts a "none" request. Clients send it to learn the methods, so the first one is not a failed attempt. */
  countNone(): void;
  /** Counts a key query. */
  countQuery(): void;
  /** Counts a refused key query. */
  countRefusedQuery(): void;
}
