import type { ClientAsk, ClientMethod, Identity } from "@nacre/auth";
import { isPrivateKey, type PrivateKey } from "@nacre/keys/internal";
import { usage } from "../../check.ts";
import { chosenMethods } from "../chosen-methods.ts";
import type { ClientProvider, ConnectOptions, LoginOptions, RemoteIdentity } from "./options.ts";

/** A login method of a client: a value for the option `methods` of `connect`. */
export interface ClientLoginMethod {
  /** Name, messages and steps of the method, without IO. */
  readonly method: ClientMethod;
  /** Options of `connect` that only work with this method. */
  readonly uses?: readonly (keyof LoginOptions)[];
  /**
   * Called once for each connection. Returns the function that answers the asks of the method, with a promise if need be. An exception ends
   * the login. A method that asks nothing has none.
   */
  readonly application?: (login: ClientLoginContext) => (ask: ClientAsk) => unknown;
}

/** Facts for the application's part of a client's login method. */
export interface ClientLoginContext {
  readonly options: LoginOptions;
  /** Returns the keys to log in with, if `identities` has none because they depend on the server. */
  readonly findIdentities: () => Promise<readonly (PrivateKey | RemoteIdentity)[]>;
  /** Aborts when the login ends, successfully or not: cancel pending prompts then. */
  readonly signal: AbortSignal;
}

/** Throws `usage` for invalid `methods`, and for an option that needs a login method which is not among them. */
export function checkLoginMethods(
  options: Pick<ConnectOptions & ClientProvider, "methods" | "password" | "prompts" | "loginMethods">,
): void {
  const { methods, loginMethods } = options;
  const used = new Set(chosenMethods(methods, loginMethods).flatMap((one) => one.uses ?? []));
  for (const option of ["password", "prompts"] as const)
    if (options[option] !== undefined && !used.has(option))
      throw usage(`\`${option}\` needs a login method in \`methods\`, such as \`clientPassword\` of \`nacre/core\``);
}

/** Returns a key as the login method sees it. */
export function identityOf(identity: PrivateKey | RemoteIdentity): Identity {
  return { publicKey: identity.publicKey, ...(isPrivateKey(identity) && { privateKey: identity }) };
}
