import type { Factor, LoginVerdict, ServerAsk } from "@nacre/auth";
import { SIGNATURE_FLAGS } from "@nacre/keys/internal";
import type { ServerProtocol, ServerProtocolEvent } from "@nacre/protocol";
import { SshError } from "@nacre/wire";
import { type Engine, isThenable } from "../../mux/engine.ts";
import {
  combinePermissions,
  type GrantedPermissions,
  isPermissions,
  NO_PERMISSIONS,
  type Permissions,
} from "../../users/permissions.ts";
import { methodName } from "../chosen-methods.ts";
import { isRefusal, type ServerLoginAnswers, type ServerLoginContext, type ServerLoginMethod } from "./method.ts";
import type { Authenticate, KeyDemands, Login, LoginDecision, ServerEvent } from "./options.ts";

interface LoginsContext {
  readonly machine: ServerProtocol;
  readonly engine: Engine<ServerProtocolEvent>;
  /** Login methods that the server can handle. */
  readonly methods: readonly ServerLoginMethod[];
  readonly authenticate: Authenticate;
  fingerprint(this: void, blob: Uint8Array): string;
  readonly remoteAddress: string | undefined;
  log(this: void, event: ServerEvent): void;
}

/** Lets the application's parts of the login methods answer asks, and stores the permissions of accepted factors. */
export class Logins {
  readonly #context: LoginsContext;
  /** Permissions of the accepted factors, in their order. */
  #permissions: readonly Permissions[] = [];
  /** The login request that the client sent last. */
  #current: ServerLoginAnswers | undefined;

  constructor(context: LoginsContext) {
    this.#context = context;
  }

  onAsk(ask: ServerAsk): void {
    const { machine, engine } = this.#context;
    if (ask.isFirst) this.#begin(ask.method);
    engine.ask(
      () => this.#current?.answer(ask),
      (answer) => machine.auth.answer(ask.token, answer),
      (cause) => engine.fail(new SshError("internal", "the decision about a login could not be sent", { cause })),
    );
  }

  /** Returns the permissions of a login that succeeded with these factors. */
  granted(factors: readonly Factor[]): GrantedPermissions {
    return combinePermissions(this.#permissions.slice(0, factors.length));
  }

  /** Ends the login request when the connection has ended. */
  closed(): void {
    this.#abandon();
  }

  /** Begins a login request, which ends the one before it. */
  #begin(name: string): void {
    this.#abandon();
    const { methods, fingerprint } = this.#context;
    const login: ServerLoginContext = {
      fingerprint,
      decide: (ask, facts, mayChangePassword = false) => {
        const { userName: user, factors } = ask;
        const { remoteAddress } = this.#context;
        return this.#decide({ ...facts, user, factors, remoteAddress }, mayChangePassword);
      },
      verdict: (ask, decision) => this.#verdict(decision, ask.factors),
    };
    this.#current = methods.find(({ method }) => method.name === name)?.application?.(login);
  }

  #abandon(): void {
    this.#current?.abandoned?.();
    this.#current = undefined;
  }

  /** Asks the application. An exception or an invalid decision refuses the login. */
  #decide(login: Login, mayChangePassword: boolean): LoginDecision | Promise<LoginDecision> {
    const { engine, authenticate, log } = this.#context;
    const method = login.method === "other" ? login.name : login.method;
    const refuse = (error?: unknown): false => {
      if (engine.over !== undefined) return false;
      log({
        type: "login-refused",
        user: login.user,
        method,
        ...this.#keyOf(login),
        ...(error !== undefined && { error }),
      });
      return false;
    };
    const judge = (answer: unknown): LoginDecision => {
      const decision = this.#checked(answer, method, mayChangePassword);
      if (decision === false) return refuse();
      if (isRefusal(decision)) {
        refuse();
        return decision;
      }
      if (this.#forcesAnother(decision, login.factors)) return refuse(anotherCommand());
      const lacking = lackingFlag(decision, login);
      return lacking === undefined ? decision : refuse(lacking);
    };
    try {
      const answer = authenticate(login);
      return isThenable(answer) ? Promise.resolve(answer).then(judge).catch(refuse) : judge(answer);
    } catch (error) {
      return refuse(error);
    }
  }

  /** Returns what the log says about the key of a login. */
  #keyOf(
    login: Login,
  ): Pick<Extract<ServerEvent, { type: "login-refused" }>, "fingerprint" | "signed" | "certificate"> {
    if (login.method === "publickey") return { fingerprint: login.fingerprint, signed: login.signed };
    if (login.method !== "certificate") return {};
    const { certificate, signed } = login;
    return { fingerprint: this.#context.fingerprint(certificate.publicKey.blob), signed, certificate };
  }

  /**
   * Validates a decision. `undefined` and `null` refuse. Throws `usage` for any other invalid value, which a JavaScript program may return.
   */
  #checked(decision: unknown, method: string, mayChangePassword: boolean): LoginDecision {
    if (decision === true || decision === false || decision === undefined || decision === null)
      return decision === true;
    if (typeof decision !== "object") throw noDecision(method);
    const { permissions, next, changePassword, noTouchRequired, verifyRequired, refuse, methods } = decision as Record<
      string,
      unknown
    >;
    // rule: refusal-refuses
    if (refuse !== undefined) {
      if (refuse !== true || !this.#areMethods(methods)) throw noDecision(method);
      return { refuse, methods };
    }
    if (changePassword !== undefined) {
      if (typeof changePassword !== "string" || !mayChangePassword) throw noDecision(method);
      return { changePassword };
    }
    if (!isFlag(noTouchRequired) || !isFlag(verifyRequired)) throw noDecision(method);
    const demands: KeyDemands = { noTouchRequired, verifyRequired };
    if (next !== undefined && !(this.#areMethods(next) && next.length > 0)) throw noDecision(method);
    if (permissions === undefined) {
      if (next === undefined) throw noDecision(method);
      return { next, ...demands };
    }
    if (!isPermissions(permissions)) throw noDecision(method);
    return { permissions, ...(next !== undefined && { next }), ...demands };
  }

  #areMethods(value: unknown): value is Extract<LoginDecision, { readonly next: unknown }>["next"] {
    const { methods } = this.#context;
    return (
      Array.isArray(value) &&
      value.every((one: string | ServerLoginMethod | null) =>
        methods.some(({ method }) => one !== null && method.name === methodName(one) && method.isUnlisted !== true),
      )
    );
  }

  /**
   * Returns whether the decision forces a different command than an earlier factor. Only one command can run, and neither restriction may
   * be bypassed.
   */
  #forcesAnother(decision: LoginDecision, before: readonly Factor[]): boolean {
    const command =
      typeof decision === "object" && "permissions" in decision ? decision.permissions.command : undefined;
    if (command === undefined) return false;
    const forced = this.granted(before).command;
    return forced !== undefined && command !== forced;
  }

  /** Converts the decision for the authentication layer. Stores its permissions with the accepted factor. */
  #verdict(decision: LoginDecision, before: readonly Factor[]): LoginVerdict {
    if (decision === false || (typeof decision === "object" && "changePassword" in decision)) return "failure";
    if (isRefusal(decision)) return { failure: decision.methods.map(methodName) };
    const permissions = decision !== true && "permissions" in decision ? decision.permissions : NO_PERMISSIONS;
    // rule: factor-permissions
    this.#permissions = this.#permissions.slice(0, before.length).concat(permissions);
    return decision !== true && decision.next !== undefined ? { partial: decision.next.map(methodName) } : "success";
  }
}

function isFlag(value: unknown): value is boolean | undefined {
  return value === undefined || typeof value === "boolean";
}

/** Returns why a security key's signature is not enough for the decision; `undefined` if it is, and for other keys. */
function lackingFlag(decision: LoginDecision, login: Login): SshError | undefined {
  if (!("signed" in login) || login.flags === undefined) return undefined;
  const { noTouchRequired = false, verifyRequired = false }: KeyDemands =
    typeof decision === "object" && !("changePassword" in decision) && !isRefusal(decision) ? decision : {};
  // rule: security-key-touch
  if (!noTouchRequired && (login.flags & SIGNATURE_FLAGS.userPresent) === 0)
    return new SshError("auth-failed", "the security key was not touched, and `noTouchRequired` is not set");
  // rule: security-key-verified
  if (verifyRequired && (login.flags & SIGNATURE_FLAGS.userVerified) === 0)
    return new SshError("auth-failed", "the security key did not verify the user, and `verifyRequired` is set");
  return undefined;
}

function noDecision(method: string): SshError {
  return new SshError(
    "usage",
    `\`authenticate\` returned an invalid decision for a ${method} login; return true, false or a LoginDecision object`,
  );
}

function anotherCommand(): SshError {
  return new SshError("usage", "the factors of this login force different commands; only one can run");
}
