import type { ClientAsk, ClientMethod, LoginVerdict, ServerAsk, ServerMethod } from "@nacre/auth";
import { isLoginMethodNumber, SshError } from "@nacre/wire";
import { checkName } from "../check.ts";
import type { ConnectOptions } from "../client/options.ts";
import { isThenable } from "../mux/engine.ts";
import type { Login, LoginDecision, LoginFacts } from "../server/options.ts";

/** A login method of a client: a value for the option `methods` of `connect`. */
export interface ClientLoginMethod {
  /** Name, messages and steps of the method, without IO. */
  readonly method: ClientMethod;
  /** Options of `connect` that only work with this method. */
  readonly uses?: readonly (keyof ConnectOptions)[];
  /**
   * Called once for each connection. Returns the function that answers the asks of the method, with a promise if need be. An exception ends the
   * login. A method that asks nothing has none.
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
   * Asks `authenticate` about a login. An exception or an invalid decision refuses it. `{ changePassword }` is invalid unless
   * `mayChangePassword`.
   */
  decide(
    ask: ServerAsk,
    login: LoginOf<Login>,
    options?: { readonly mayChangePassword: boolean },
  ): LoginDecision | Promise<LoginDecision>;
  /** Returns the verdict for a decision, and keeps its permissions if it accepts the factor. */
  verdict(ask: ServerAsk, decision: LoginDecision): LoginVerdict;
  /** Asks `authenticate` about a login, and returns its verdict. */
  judge(ask: ServerAsk, login: LoginOf<Login>): LoginVerdict | Promise<LoginVerdict>;
}

/** A login without the facts that every login has. */
type LoginOf<L> = L extends unknown ? Omit<L, keyof LoginFacts> : never;

/** Passes a value to `use`, now or when its promise resolves. */
export function whenKnown<T, U>(value: T | Promise<T>, use: (value: T) => U): U | Promise<U> {
  return isThenable(value) ? Promise.resolve(value).then(use) : use(value);
}

/**
 * Returns the methods that an option `methods` chooses: values, and names of `known`. Throws `usage` for another name, a name that occurs
 * twice, and a value that is no login method.
 */
export function chosenMethods<M extends ClientLoginMethod | ServerLoginMethod>(
  chosen: readonly (string | M)[],
  known: readonly M[],
): readonly M[] {
  const methods = chosen.map((one): M => {
    if (typeof one !== "string") return checkedMethod(one);
    const found = known.find(({ method }) => method.name === one);
    if (found !== undefined) return found;
    const names = known.map(({ method }) => method.name).join(", ");
    throw new SshError(
      "usage",
      `\`methods\` must be a list of ${names} and of login methods, such as those of \`nacre/core\``,
    );
  });
  if (new Set(methods.map(({ method }) => method.name)).size < methods.length)
    throw new SshError("usage", "`methods` names a login method twice");
  return methods;
}

/** Returns the name of a method that is given by name or as a value. */
export function methodName(one: string | ClientLoginMethod | ServerLoginMethod): string {
  return typeof one === "string" ? one : one.method.name;
}

function checkedMethod<M extends ClientLoginMethod | ServerLoginMethod>(value: M): M {
  const { name, messages } = (value as Partial<M> | null)?.method ?? {};
  checkName(name, "the name of a login method");
  for (const { message } of messages ?? [])
    if (!isLoginMethodNumber(message.number))
      throw new SshError("usage", `message ${message.number} of a login method must have a number from 60 to 79`);
  return value;
}
