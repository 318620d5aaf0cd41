import type { LoginVerdict, ServerAsk, ServerMethod } from "@nacre/auth";
import type { LoginDecision, LoginProof } from "./options.ts";

/** A login method of a server: a value for the option `methods` of `serve`. */
export interface ServerLoginMethod {
  /** Name, messages and steps of the method, without IO. */
  readonly method: ServerMethod;
  /** Called for the first ask of each login request. A method that asks nothing has none. */
  readonly application?: (login: ServerLoginContext) => ServerLoginAnswers;
}

/** The application's part of one login request. */
export interface ServerLoginAnswers {
  /** Answers an ask of the method, with a promise if need be. An exception ends the connection with `internal`. */
  answer(ask: ServerAsk): unknown;
  /** Called when the client gave up the request or disconnected. */
  abandoned?(): void;
}

/** Actions of the application's part of a server's login method. */
export interface ServerLoginContext {
  /** Returns the fingerprint of a public key blob. */
  fingerprint(blob: Uint8Array): string;
  /**
   * Asks `authenticate` about a login. An exception or an invalid decision refuses it. `{ changePassword }` is valid only with
   * `mayChangePassword`.
   */
  decide(ask: ServerAsk, login: LoginProof, mayChangePassword?: boolean): LoginDecision | Promise<LoginDecision>;
  /** Returns the verdict for a decision, and keeps its permissions if it accepts the factor. */
  verdict(ask: ServerAsk, decision: LoginDecision): LoginVerdict;
}

/** Returns whether the decision refuses and names the methods to try next. */
export function isRefusal(decision: LoginDecision): decision is Extract<LoginDecision, { readonly refuse: true }> {
  return typeof decision === "object" && "refuse" in decision;
}
