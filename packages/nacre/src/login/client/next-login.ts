import type { ChosenAttempt } from "@nacre/auth";
import type { PrivateKey } from "@nacre/keys/internal";
import { checkKey, usage } from "../../check.ts";
import { checkOptions, type OptionRows } from "../../options/schema.ts";
import type { LoginMethod } from "../chosen-methods.ts";
import { type ClientLoginMethod, identityOf } from "./method.ts";
import type { LoginOptions, RemoteIdentity } from "./options.ts";

/** State of a login when `nextLogin` chooses an attempt. */
export interface LoginState {
  /** Methods that the server accepts next, as it names them; `undefined` before its first answer. Escape them before display. */
  readonly methods: readonly string[] | undefined;
  /** Whether the server accepted the last attempt and requires another one (RFC 4252 §5.1). */
  readonly partialSuccess: boolean;
  /** The last attempt, if it was refused or could not be made; the same object that `nextLogin` returned. */
  readonly failed: LoginAttempt | undefined;
}

/** A key for one attempt to log in. */
export interface KeyAttempt {
  readonly identity: PrivateKey | RemoteIdentity;
  /** Name of the key's signature algorithm to use. Default: the first that the server supports. */
  readonly algorithm?: string | undefined;
  /** Whether to ask the server first if it accepts the key; default only for a key that is not in memory. */
  readonly query?: boolean | undefined;
}

/**
 * One attempt to log in: a method by its name in `methods`, and what it needs; passwords and functions default to the options of `connect`.
 * A value of an application may also be a method that is not in `methods`, if it has no messages of its own.
 */
export type LoginAttempt = {
  /** User name; default the option `user`. It may be empty. */
  readonly user?: string | undefined;
} & (
  | { readonly method: "none" }
  | ({ readonly method: "publickey" } & KeyAttempt)
  | ({ readonly method: "password" } & Pick<LoginOptions, "password" | "changePassword">)
  | ({ readonly method: "keyboard-interactive" } & Pick<LoginOptions, "prompts" | "password">)
  | ({ readonly method: ClientLoginMethod } & Partial<KeyAttempt> &
      Pick<LoginOptions, "password" | "changePassword" | "prompts">)
);

/**
 * Chooses the next attempt to log in, at first and after each one that failed or was not enough. `undefined` ends the login with
 * `auth-failed`; an exception ends it as well.
 */
export type NextLogin = (state: LoginState) => LoginAttempt | undefined | Promise<LoginAttempt | undefined>;

/** All members of an attempt, of any method. */
interface AnyAttempt extends Partial<KeyAttempt>, Pick<LoginOptions, "password" | "changePassword" | "prompts"> {
  readonly method: LoginMethod | "none" | ClientLoginMethod;
  readonly user?: string | undefined;
}

const ATTEMPT: OptionRows<AnyAttempt> = {
  method: true,
  user: {
    type: "string",
    check(user = "") {
      if (user.includes("\0")) throw usage("`user` must not contain NUL");
    },
  },
  identity: { check: (identity) => identity === undefined || checkKey(identity, "an identity") },
  algorithm: "string",
  query: "boolean",
  password: "string or function",
  changePassword: "function",
  prompts: "function",
};

/** An attempt that can be made. */
interface Attempt {
  readonly method: ClientLoginMethod;
  /** Options for the application's part of the method. */
  readonly options: LoginOptions;
  /** The attempt for the protocol machine. */
  readonly chosen: ChosenAttempt;
}

/** Completes an attempt with the options of `connect`. `methods` have the names that it may use. Throws `usage` for an invalid attempt. */
export function completeAttempt(
  given: LoginAttempt,
  defaults: LoginOptions,
  methods: readonly ClientLoginMethod[],
): Attempt {
  checkOptions(given, ATTEMPT, "`nextLogin`");
  const { method: named, identity, algorithm, query: isQueried }: AnyAttempt = given;
  const method = typeof named === "string" ? methods.find((one) => one.method.name === named) : named;
  if (typeof method?.method?.start !== "function")
    throw usage("`method` of `nextLogin` must be a name in `methods` or a login method");
  if (algorithm !== undefined && !identity?.publicKey.algorithms.some(({ name }) => name === algorithm))
    throw usage("`algorithm` of `nextLogin` must be one of the `identity`");
  const answers = Object.entries(given).filter(([, value]) => value !== undefined);
  const options: LoginOptions = { ...defaults, ...Object.fromEntries(answers), identities: identity && [identity] };
  const identities = identity === undefined ? [] : [{ ...identityOf(identity), algorithm, isQueried }];
  return { method, options, chosen: { method: method.method, options: { ...answersOf(options), identities } } };
}

/** Returns what the protocol machine must know of the answers that the options have. */
export function answersOf({
  user: userName,
  password,
  prompts,
}: LoginOptions): Required<Omit<ChosenAttempt["options"], "identities">> {
  return {
    userName,
    password: typeof password === "string" ? "fixed" : password !== undefined,
    keyboardInteractive: prompts !== undefined || (password !== undefined && "password"),
  };
}
