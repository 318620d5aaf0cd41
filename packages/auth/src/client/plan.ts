import type { AuthLimits } from "../limits.ts";
import type { ClientAuthOptions, Identity } from "./types.ts";

/** The next method to try. */
export type Choice =
  | { readonly method: "none" | "keyboard-interactive" }
  | {
      readonly method: "publickey";
      readonly identity: Identity;
      readonly algorithm: string;
      /** Whether to send the signature without first asking if the key is acceptable. */
      readonly signAtOnce: boolean;
    }
  | { readonly method: "password"; readonly attempt: number };

interface Key {
  readonly identity: Identity;
  /** Names of the algorithms already tried with this key; the server refused each, or may have. */
  readonly tried: Set<string>;
  /** Whether the server refused the key with an algorithm it supports. Other keys are then tried first. */
  refused: boolean;
  over: boolean;
}

/**
 * Methods and keys still to try, in OpenSSH's order: all keys, then keyboard-interactive, then passwords. A password comes first if it is
 * fixed, or the only answer to prompts. "none" is sent only if there is nothing better to begin with, to learn the server's methods.
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
    // A fixed password answers once, a function that asks for it as often as `prompts`.
    const isOnce = keyboardInteractive === "password" && password === "fixed";
    this.#keyboardInteractiveLeft = timesOf(
      isOnce ? "fixed" : keyboardInteractive !== false,
      limits.keyboardInteractiveAttempts,
    );
    this.#passwordsLeft = timesOf(password, limits.passwordAttempts);
  }

  setServerSigAlgs(names: readonly string[]): void {
    this.#serverSigAlgs = names;
  }

  /** Methods that the server last listed as able to continue. */
  get canContinue(): readonly string[] | undefined {
    return this.#canContinue;
  }

  /** Keys that were never tried because the server supports none of their algorithms (RFC 8308 §3.1). */
  get unusable(): readonly Identity[] {
    return this.#keys
      .filter((key) => key.tried.size === 0 && !key.over && !this.#usable(key))
      .map((key) => key.identity);
  }

  /** Removes and returns the next try; `undefined` if no remaining one uses a method that the server accepts. */
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
    const { password, keyboardInteractive } = this.#options;
    const isPasswordFirst = password === "fixed" || keyboardInteractive === "password";
    const order = isPasswordFirst ? methods.toReversed() : methods;
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

  /** Records the methods listed in SSH_MSG_USERAUTH_FAILURE. */
  answered(canContinue: readonly string[]): void {
    this.#canContinue = canContinue;
  }

  keyRefused(identity: Identity, algorithm: string): void {
    const key = this.#keys.find((key) => key.identity === identity)!;
    // A server that does not accept keys yet has not looked at this one. It is tried again after another method.
    if (!this.#canContinue?.includes("publickey")) key.tried.delete(algorithm);
    // The server supports the algorithm, so it probably refused the key itself. But OpenSSH also lists algorithms that its
    // PubkeyAcceptedAlgorithms forbids. So the key's other algorithms are still tried, after all other keys.
    else if (this.#serverSigAlgs?.includes(algorithm)) key.refused = true;
  }

  /** Stops using the key because it succeeded or cannot sign. */
  keyOver(identity: Identity): void {
    this.#keys.find((key) => key.identity === identity)!.over = true;
  }

  /** Stops using the method because it succeeded or the application abandoned it. */
  methodOver(method: "keyboard-interactive" | "password"): void {
    if (method === "password") this.#passwordsLeft = 0;
    else this.#keyboardInteractiveLeft = 0;
  }

  #password(): Choice {
    this.#passwordsLeft--;
    // A keyboard-interactive conversation would only ask for the same password again.
    if (this.#options.keyboardInteractive === "password") this.#keyboardInteractiveLeft = 0;
    return { method: "password", attempt: ++this.#passwordsAsked };
  }

  /** Returns the first algorithm, in the key's order, that the server may support and that was not tried yet. */
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

/** Returns the number of attempts for a method: at most one if the application has only one answer. */
function timesOf(source: boolean | "fixed", most: number): number {
  if (source === "fixed") return Math.min(1, most);
  return source ? most : 0;
}
