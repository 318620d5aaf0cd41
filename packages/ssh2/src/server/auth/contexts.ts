import { EventEmitter } from "node:events";
import type { KeyboardInteractiveLogin, PublickeyLogin } from "nacre/extend";
import { callProgram } from "../../call-program.ts";
import { ssh2Error } from "../../errors.ts";
import type { Decision } from "./decision.ts";
import type { HostbasedProof } from "./hostbased.ts";
import { LISTED_METHODS } from "./methods.ts";
import { type AuthKey, ssh2Key, ssh2Signature } from "./signature.ts";

/** Name of a login method that a server's application decides. */
export type AuthMethod = "none" | "password" | "publickey" | "hostbased" | "keyboard-interactive";

/** Members of each login, beside its method. */
export interface AuthRequest {
  /** The connection that logs in. */
  readonly connection: object;
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
    const accepted = typeof methodsLeft === "boolean" ? methodsLeft : isPartial;
    const methods = listable(methodsLeft);
    this.#decision.give(accepted === true && methods.length > 0 ? { next: methods } : { refuse: true, methods });
  }
}

/** A login with a password. */
export class PwdAuthContext extends AuthContext {
  readonly password: string | { readonly oldPassword: string; readonly newPassword: string };
  readonly #decision: Decision;

  constructor(request: AuthRequest, password: PwdAuthContext["password"]) {
    super(request, "password");
    this.#decision = request.decision;
    this.password = password;
  }

  /**
   * Asks the client for a new password, which `callback` gets. Then call `accept` or `reject`. Throws ssh2's errors for invalid arguments,
   * and for a second call before the answer.
   */
  requestChange(prompt: string, callback: (newPassword: string) => void): void {
    if (this.#decision.isChanging) throw ssh2Error("Change request already in progress");
    if (typeof prompt !== "string") throw ssh2Error("prompt argument must be a string");
    if (typeof callback !== "function") throw ssh2Error("Callback argument must be a function");
    this.#decision.askChange(prompt, callback);
  }
}

/** A login with a key, or a query whether the key may log in, which has no `signature`. A signature is verified already. */
export class PKAuthContext extends AuthContext {
  readonly key: AuthKey;
  readonly hashAlgo: string | undefined;
  readonly signature: Buffer | undefined;
  /** The bytes that `signature` covers. */
  readonly blob: Buffer | undefined;

  constructor(request: AuthRequest, { algorithm, publicKey, signature, signedData }: PublickeyLogin) {
    super(request, "publickey");
    const { key, hashAlgo } = ssh2Key(algorithm, publicKey);
    this.key = key;
    this.hashAlgo = hashAlgo;
    this.signature = signature && ssh2Signature(signature);
    this.blob = signedData && Buffer.from(signedData);
  }
}

/** A login of a host for one of its users. The signature is verified already. */
export class HostbasedAuthContext extends AuthContext {
  readonly key: AuthKey;
  readonly hashAlgo: string | undefined;
  readonly signature: Buffer;
  /** The bytes that `signature` covers. */
  readonly blob: Buffer;
  readonly localHostname: string;
  readonly localUsername: string;

  constructor(request: AuthRequest, proof: HostbasedProof) {
    super(request, "hostbased");
    const { key, hashAlgo } = ssh2Key(proof.algorithm, proof.publicKey);
    this.key = key;
    this.hashAlgo = hashAlgo;
    this.signature = ssh2Signature(proof.signature);
    this.blob = Buffer.from(proof.signedData);
    this.localHostname = proof.localHostname;
    this.localUsername = proof.localUsername;
  }
}

/** A prompt. One that is given as a string is echoed. */
export type AuthPrompt = string | { readonly prompt: string; readonly echo?: boolean };

/** Gets the responses to prompts, or an error when the client gives up. */
export type AuthResponses = (responses: readonly string[] | Error) => void;

/** A keyboard-interactive login. */
export class KeyboardAuthContext extends AuthContext {
  /** Submethods that the client prefers. */
  readonly submethods: readonly string[];
  readonly #connection: object;
  readonly #ask: KeyboardInteractiveLogin["ask"];

  constructor(request: AuthRequest, login: KeyboardInteractiveLogin) {
    super(request, "keyboard-interactive");
    this.#connection = request.connection;
    this.submethods = login.submethods === "" ? [] : login.submethods.split(",");
    this.#ask = (prompts, texts) => login.ask(prompts, texts);
  }

  /** Shows prompts to the user, with a title and instructions. Call it once for each round. */
  prompt(prompts: AuthPrompt | readonly AuthPrompt[], callback?: AuthResponses): void;
  prompt(prompts: AuthPrompt | readonly AuthPrompt[], title: string | undefined, callback?: AuthResponses): void;
  prompt(
    prompts: AuthPrompt | readonly AuthPrompt[],
    title: string | undefined,
    instructions: string | undefined,
    callback?: AuthResponses,
  ): void;
  prompt(prompts: AuthPrompt | readonly AuthPrompt[], ...rest: readonly (string | AuthResponses | undefined)[]): void {
    const callback = rest.find((one) => typeof one === "function");
    const [title, instructions] = rest.slice(0, callback && rest.indexOf(callback)) as (string | undefined)[];
    const all = (Array.isArray(prompts) ? prompts : [prompts]) as readonly AuthPrompt[];
    const shown = all.map((one) =>
      typeof one === "string" ? { prompt: one, echo: true } : { prompt: one.prompt, echo: one.echo === true },
    );
    const asked = this.#ask(shown, { name: title || undefined, instruction: instructions || undefined });
    asked.then(
      (responses) => callProgram(this.#connection, () => callback?.(responses)),
      () =>
        callProgram(this.#connection, () => {
          this.emit("abort");
          callback?.(ssh2Error("Authentication request aborted"));
        }),
    );
  }
}

/** Returns the methods of a list that a client may see, in its order: not "none" (RFC 4252 §5.2). Another value than a list has none. */
function listable(names: unknown): (typeof LISTED_METHODS)[number][] {
  if (!Array.isArray(names)) return [];
  return names.flatMap((name) => LISTED_METHODS.find(({ method }) => method.name === name) ?? []);
}
