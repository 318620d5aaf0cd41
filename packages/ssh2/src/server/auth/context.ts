import { EventEmitter } from "node:events";
import type { Decision } from "./decision.ts";
import { LISTED_METHODS } from "./methods.ts";

/** Name of a login method that a server's application decides. */
export type AuthMethod = "none" | "password" | "publickey" | "hostbased" | "keyboard-interactive";

/** What each login has, beside its method. */
export interface AuthRequest {
  /** User name as the client sent it. */
  readonly username: string;
  /** Takes the decision. */
  readonly decision: Decision;
}

/**
 * A login attempt for the application to decide, once, by `accept` or `reject`. Later calls have no effect. It emits "abort" when the
 * client gives the attempt up.
 */
export class AuthContext extends EventEmitter {
  readonly username: string;
  readonly user: string;
  /** Always `"ssh-connection"`: the only service that is served. */
  readonly service: string = "ssh-connection";
  readonly method: AuthMethod;
  readonly #decision: Decision;

  constructor({ username, decision }: AuthRequest, method: AuthMethod) {
    super();
    this.username = username;
    this.user = username;
    this.method = method;
    this.#decision = decision;
  }

  /** Accepts the login. For a query, the client only learns that the key is acceptable. */
  accept(): void {
    this.#decision.give(true);
  }

  /**
   * Refuses the login. `methodsLeft` are the names of the methods that the client may try next; default none. With
   * `isPartial` this factor is accepted, and one of `methodsLeft` must follow.
   */
  reject(methodsLeft?: readonly string[] | boolean, isPartial?: boolean): void {
    const [names, accepted] = typeof methodsLeft === "boolean" ? [[], methodsLeft] : [methodsLeft ?? [], isPartial];
    const methods = listable(names);
    this.#decision.give(accepted === true && methods.length > 0 ? { next: methods } : { refuse: true, methods });
  }
}

/** Returns the methods that can be listed to a client, in this order. "none" is never listed (RFC 4252 §5.2). */
function listable(names: readonly string[]): (typeof LISTED_METHODS)[number][] {
  return names.flatMap((name) => LISTED_METHODS.find(({ method }) => method.name === name) ?? []);
}
