import type { ClientAsk, ClientMethod, LoginVerdict, ServerAsk, ServerMethod } from "@nacre/auth";
import { SshError } from "@nacre/wire";
import { isThenable } from "../../mux/engine.ts";
import type { ConnectOptions } from "../client/options.ts";
import type { Login, LoginDecision, LoginFacts } from "../server/options.ts";

/** A login method of a client: a value for the option `methods` of `connect`. */
export interface ClientLoginMethod {
  /** Name, messages and steps of the method, without IO. */
  readonly method: ClientMethod;
  /** Options of `connect` that only work with this method. */
  readonly uses?: readonly (keyof ConnectOptions)[];
  /**
   * Called once for each connection. Returns the function that answers the asks of the method, with a promise if need be. An exception ends
   * the login. A method that asks nothing has none.
   */
  readonly application?: (login: ClientLoginContext) => (ask: ClientAsk) => unknown;
}

/** What the application's part of a client's login method knows. */
export interface ClientLoginContext {
  readonly options: ConnectOptions;
  /** Aborts when the login ends, successfully or not: cancel pending prompts then. */
  readonly signal: AbortSignal;
}

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

/** What the application's part of a server's login method can do. */
export interface ServerLoginContext {
  /** Returns the fingerprint of a public key blob. */
  fingerprint(blob: Uint8Array): string;
  /**
   * Asks `authenticate` about a login. An exception or an invalid decision refuses it. `{ changePassword }` is valid only with
   * `mayChangePassword`.
   */
  decide(ask: ServerAsk, login: LoginOf<Login>, mayChangePassword?: boolean): LoginDecision | Promise<LoginDecision>;
  /** Returns the verdict for a decision, and keeps its permissions if it accepts the factor. */
  verdict(ask: ServerAsk, decision: LoginDecision): LoginVerdict;
}

/** A login without the facts that every login has. */
type LoginOf<L> = L extends unknown ? Omit<L, keyof LoginFacts> : never;

/** Passes a value to `use`, now or when its promise resolves. */
export function whenKnown<T, U>(value: T | Promise<T>, use: (value: T) => U): U | Promise<U> {
  return isThenable(value) ? Promise.resolve(value).then(use) : use(value);
}

/**
 * Returns the methods that an option `methods` chooses: values, and names of `known`. Without the option, all of `known`. Throws `usage`
 * for another name, a repeated name, and a value that is not a login method.
 */
export function chosenMethods<M extends ClientLoginMethod | ServerLoginMethod>(
  chosen: readonly (string | M)[] | undefined,
  known: readonly M[],
): readonly M[] {
  if (chosen === undefined) return known;
  const methods = chosen.flatMap((one) =>
    typeof one === "string" ? known.filter(({ method }) => method.name === one) : one?.method?.name ? [one] : [],
  );
  if (new Set(methods.map(methodName)).size < chosen.length)
    throw new SshError(
      "usage",
      `\`methods\` must be a list of ${known.map(methodName).join(", ")} and of login methods, each once`,
    );
  return methods;
}

/** Returns the name of a method that is given by name or as a value. */
export function methodName(one: string | ClientLoginMethod | ServerLoginMethod): string {
  return typeof one === "string" ? one : one.method.name;
}
