import type { AuthLimits } from "../limits.ts";
import type { ClientAuthOptions, Identity } from "./types.ts";

/** What to try next. */
export type Choice =
  | { readonly method: "none" | "keyboard-interactive" }
  | {
      readonly method: "publickey";
      readonly identity: Identity;
      readonly algorithm: string;
      /** The signature goes at once, without asking first whether the key would do. */
      readonly signAtOnce: boolean;
    }
  | { readonly method: "password"; readonly attempt: number };

interface Key {
  readonly identity: Identity;
  /** Names of algorithms that the server has refused, or may have refused, this key with. */
  readonly tried: Set<string>;
  /** Refused with an algorithm that the server says it knows: other keys come first. */
  refused: boolean;
  over: boolean;
}

/**
 * What is left to try. The order is OpenSSH's: every key, then keyboard-interactive, then passwords, but a fixed password before
 * keyboard-interactive; "none" only to learn what the server takes when there is nothing better to begin with.
 */
export class Plan {
  readonly #keys: readonly Key[];
  #noneSent = false;
  readonly #options: ClientAuthOptions;
  #keyboardInteractiveLeft: number;
  #passwordsLeft: number;
  #passwordsAsked = 0;
  #serverSigAlgs: readonly string[] | undefined;
  #canContinue: readonly string[] | undefined;

  constructor(options: ClientAuthOptions, limits: AuthLimits) {
    const { password, keyboardInteractive } = options;
    this.#options = options;
    this.#keys = options.identities.map((identity) => ({ identity, tried: new Set(), refused: false, over: false }));
    this.#keyboardInteractiveLeft = timesOf(keyboardInteractive, limits.keyboardInteractiveAttempts);
    this.#passwordsLeft = timesOf(password, limits.passwordAttempts);
  }

  setServerSigAlgs(names: readonly string[]): void {
    this.#serverSigAlgs = names;
  }

  /** The methods that the server last said could continue. */
  get canContinue(): readonly string[] | undefined {
    return this.#canContinue;
  }

  /** Keys that are not tried because the server knows none of their algorithms (RFC 8308 §3.1). */
  get unusable(): readonly Identity[] {
    return this.#keys
      .filter((key) => key.tried.size === 0 && !key.over && !this.#usable(key))
      .map((key) => key.identity);
  }

  /** Takes the next try from the plan; `undefined` when nothing is left that the server would take. */
  next(): Choice | undefined {
    const serverTakes = (method: string): boolean => this.#canContinue?.includes(method) ?? true;
    if (serverTakes("publickey")) {
      const [refused, others] = [true, false].map((is) => this.#keys.filter((key) => key.refused === is));
      for (const key of [...others!, ...refused!]) {
        const algorithm = this.#algorithm(key);
        if (algorithm === undefined) continue;
        key.tried.add(algorithm);
        const { identity } = key;
        const signAtOnce = identity.privateKey !== undefined && this.#keys.filter(this.#usable).length === 1;
        return { method: "publickey", identity, algorithm, signAtOnce };
      }
    }
    if (this.#canContinue === undefined) {
      if (this.#noneSent) return undefined;
      this.#noneSent = true;
      return { method: "none" };
    }
    const methods = ["keyboard-interactive", "password"] as const;
    const order = this.#options.password === "fixed" ? methods.toReversed() : methods;
    for (const method of order) {
      if (!serverTakes(method)) continue;
      if (method === "password" && this.#passwordsLeft > 0) return this.#password();
      if (method === "keyboard-interactive" && this.#keyboardInteractiveLeft > 0) {
        this.#keyboardInteractiveLeft--;
        return { method };
      }
    }
    return undefined;
  }

  /** The server has answered a try with SSH_MSG_USERAUTH_FAILURE. */
  answered(canContinue: readonly string[]): void {
    this.#canContinue = canContinue;
  }

  keyRefused(identity: Identity, algorithm: string): void {
    const key = this.#keys.find((key) => key.identity === identity)!;
    // A server that takes no keys yet has not looked at this one: it is tried again after another method.
    if (!this.#canContinue?.includes("publickey")) key.tried.delete(algorithm);
    // It says that it knows the algorithm, so it is likely the key that it refuses. But OpenSSH names also those that it is
    // configured not to take (PubkeyAcceptedAlgorithms), so that the key has its other algorithm yet, when all keys had their turn.
    else if (this.#serverSigAlgs?.includes(algorithm)) key.refused = true;
  }

  /** The key is done with: it has succeeded, or cannot sign. */
  keyOver(identity: Identity): void {
    this.#keys.find((key) => key.identity === identity)!.over = true;
  }

  /** The method is done with: it has succeeded, or the application has given it up. */
  methodOver(method: "keyboard-interactive" | "password"): void {
    if (method === "password") this.#passwordsLeft = 0;
    else this.#keyboardInteractiveLeft = 0;
  }

  #password(): Choice {
    this.#passwordsLeft--;
    // A conversation would get the same password again.
    if (this.#options.keyboardInteractive === "password") this.#keyboardInteractiveLeft = 0;
    return { method: "password", attempt: ++this.#passwordsAsked };
  }

  /** The first algorithm of the key's own order that the server may take and has not refused. */
  #algorithm(key: Key): string | undefined {
    if (key.over) return undefined;
    return key.identity.publicKey.algorithms.find(({ name }) => !key.tried.has(name) && this.#serverKnows(name))?.name;
  }

  readonly #usable = (key: Key): boolean =>
    key.identity.publicKey.algorithms.some(({ name }) => this.#serverKnows(name));

  #serverKnows(algorithm: string): boolean {
    return this.#serverSigAlgs?.includes(algorithm) ?? true;
  }
}

/** How often a method is tried: once when the application has only one answer. */
function timesOf(source: boolean | string, most: number): number {
  if (typeof source === "string") return Math.min(1, most);
  return source ? most : 0;
}
