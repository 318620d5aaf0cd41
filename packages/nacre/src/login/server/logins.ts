import type { Factor, LoginMethod, LoginVerdict, Questions } from "@nacre/auth";
import type { ServerSession, ServerSessionEvent } from "@nacre/session";
import { type AskToken, SshError } from "@nacre/wire";
import { type Engine, isThenable } from "../../mux/engine.ts";
import type { Authenticate, KeyboardInteractiveLogin, Login, LoginDecision, ServerEvent } from "./options.ts";
import {
  combinePermissions,
  type GrantedPermissions,
  isPermissions,
  NO_PERMISSIONS,
  type Permissions,
} from "./permissions.ts";

/** An ask of the authentication layer. */
export type AuthAsk = Extract<
  ServerSessionEvent,
  { type: "query" | "publickey" | "password" | "change-password" | "keyboard-interactive" | "responses" }
>;

interface LoginsContext {
  readonly machine: ServerSession;
  readonly engine: Engine<ServerSessionEvent>;
  readonly authenticate: Authenticate;
  fingerprint(this: void, blob: Uint8Array): string;
  readonly remoteAddress: string | undefined;
  log(this: void, event: ServerEvent): void;
}

/**
 * A keyboard-interactive conversation. `token` is set while the server must send the next message, and `undefined` while the client must
 * respond.
 */
interface Conversation {
  token: AskToken | undefined;
  /** Settles the promise of a pending `ask`. */
  waiting: { resolve: (responses: readonly string[]) => void; reject: (error: SshError) => void } | undefined;
  /** The decision, if it was made while the client must respond. */
  decided: LoginDecision | undefined;
}

const METHODS: readonly LoginMethod[] = ["publickey", "password", "keyboard-interactive"];

/** Asks the application about each login, and stores the permissions of accepted factors. */
export class Logins {
  readonly #context: LoginsContext;
  /** Permissions of the accepted factors, in their order. */
  #permissions: readonly Permissions[] = [];
  #conversation: Conversation | undefined;

  constructor(context: LoginsContext) {
    this.#context = context;
  }

  onAsk(ask: AuthAsk): void {
    if (ask.type === "responses") return this.#onResponses(ask.token, ask.responses);
    // A new request ends the current conversation.
    this.#abandon();
    const { machine, remoteAddress, fingerprint } = this.#context;
    const { token, userName: user, factors } = ask;
    const facts = { user, factors, remoteAddress };
    switch (ask.type) {
      case "query":
      case "publickey": {
        const { algorithm, publicKey } = ask;
        const signed = ask.type === "publickey";
        const login: Login = {
          method: "publickey",
          ...facts,
          algorithm,
          publicKey,
          fingerprint: fingerprint(publicKey),
          signed,
        };
        this.#decide(login, (decision) => {
          if (signed) machine.auth.answerPublickey(token, this.#verdict(decision, factors));
          else machine.auth.answerQuery(token, decision !== false);
        });
        return;
      }
      case "password":
      case "change-password": {
        const login: Login =
          ask.type === "password"
            ? { method: "password", ...facts, password: ask.password }
            : { method: "change-password", ...facts, oldPassword: ask.oldPassword, newPassword: ask.newPassword };
        this.#decide(login, (decision) => {
          if (typeof decision === "object" && "changePassword" in decision)
            machine.auth.answerPassword(token, { changePrompt: decision.changePassword });
          else machine.auth.answerPassword(token, this.#verdict(decision, factors));
        });
        return;
      }
      case "keyboard-interactive":
        this.#converse(token, { ...facts, submethods: ask.submethods });
    }
  }

  /** Returns the permissions of a login that succeeded with these factors. */
  granted(factors: readonly Factor[]): GrantedPermissions {
    return combinePermissions(this.#permissions.slice(0, factors.length));
  }

  /** Ends the conversation when the connection has ended. */
  closed(): void {
    this.#abandon();
  }

  #converse(token: AskToken, facts: Omit<KeyboardInteractiveLogin, "method" | "ask">): void {
    const { machine } = this.#context;
    const conversation: Conversation = { token, waiting: undefined, decided: undefined };
    this.#conversation = conversation;
    const login: KeyboardInteractiveLogin = {
      method: "keyboard-interactive",
      ...facts,
      ask: (prompts, texts = {}) => {
        const responses = this.#question(conversation, {
          ...texts,
          prompts: prompts.map((prompt) => (typeof prompt === "string" ? { prompt, echo: false } : prompt)),
        });
        // A caller that does not await the answer gets no unhandled rejection.
        responses.catch(() => {});
        return responses;
      },
    };
    this.#decide(login, (decision) => {
      if (this.#conversation !== conversation) return;
      if (conversation.token === undefined) {
        conversation.decided = decision;
      } else {
        this.#conversation = undefined;
        machine.auth.answerKeyboardInteractive(conversation.token, this.#verdict(decision, facts.factors));
      }
    });
  }

  #question(conversation: Conversation, questions: Questions): Promise<readonly string[]> {
    if (this.#conversation !== conversation) return Promise.reject(givenUp());
    const { token } = conversation;
    if (token === undefined)
      return Promise.reject(new SshError("usage", "`ask` was called before the client answered the previous prompts"));
    conversation.token = undefined;
    const { engine, machine } = this.#context;
    return new Promise((resolve, reject) => {
      conversation.waiting = { resolve, reject };
      try {
        engine.command(() => machine.auth.answerKeyboardInteractive(token, questions));
      } catch (cause) {
        reject(cause);
        engine.fail(new SshError("internal", "the prompts of `ask` could not be sent", { cause }));
      }
    });
  }

  #onResponses(token: AskToken, responses: readonly string[]): void {
    const conversation = this.#conversation;
    if (conversation === undefined) return;
    const { waiting, decided } = conversation;
    conversation.waiting = undefined;
    conversation.token = token;
    waiting?.resolve(responses);
    if (decided === undefined) return;
    // The handler decided without waiting for these responses, so the login can only fail.
    this.#conversation = undefined;
    this.#context.machine.auth.answerKeyboardInteractive(token, "failure");
  }

  #abandon(): void {
    this.#conversation?.waiting?.reject(givenUp());
    this.#conversation = undefined;
  }

  /** Asks the application. An exception or an invalid decision refuses the login. */
  #decide(login: Login, give: (decision: LoginDecision) => void): void {
    const { engine, authenticate, log } = this.#context;
    const { user, method } = login;
    const refuse = (error?: unknown): false => {
      if (engine.over !== undefined) return false;
      log({
        type: "login-refused",
        user,
        method,
        ...(login.method === "publickey" && { fingerprint: login.fingerprint, signed: login.signed }),
        ...(error !== undefined && { error }),
      });
      return false;
    };
    const judge = (answer: unknown): LoginDecision => {
      const decision = checked(answer, method);
      if (decision === false) return refuse();
      return this.#forcesAnother(decision, login.factors) ? refuse(anotherCommand()) : decision;
    };
    const decide = (): LoginDecision | Promise<LoginDecision> => {
      try {
        const answer = authenticate(login);
        return isThenable(answer) ? Promise.resolve(answer).then(judge).catch(refuse) : judge(answer);
      } catch (error) {
        return refuse(error);
      }
    };
    engine.ask(decide, give, (cause) => {
      engine.fail(new SshError("internal", "the decision about a login could not be sent", { cause }));
    });
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
    const permissions = decision !== true && "permissions" in decision ? decision.permissions : NO_PERMISSIONS;
    // rule: factor-permissions
    this.#permissions = this.#permissions.slice(0, before.length).concat(permissions);
    return decision !== true && decision.next !== undefined ? { partial: decision.next } : "success";
  }
}

/**
 * Validates a decision. `undefined` and `null` refuse. Throws `usage` for any other invalid value, which a JavaScript program may return.
 */
function checked(decision: unknown, method: Login["method"]): LoginDecision {
  if (decision === true || decision === false || decision === undefined || decision === null) return decision === true;
  if (typeof decision !== "object") throw noDecision(method);
  const { permissions, next, changePassword } = decision as Record<string, unknown>;
  if (changePassword !== undefined) {
    if (typeof changePassword !== "string" || method === "publickey" || method === "keyboard-interactive")
      throw noDecision(method);
    return { changePassword };
  }
  if (next !== undefined && !(isMethods(next) && next.length > 0)) throw noDecision(method);
  if (permissions === undefined) {
    if (next === undefined) throw noDecision(method);
    return { next };
  }
  if (!isPermissions(permissions)) throw noDecision(method);
  return { permissions, ...(next !== undefined && { next }) };
}

function noDecision(method: Login["method"]): SshError {
  return new SshError(
    "usage",
    `\`authenticate\` returned an invalid decision for a ${method} login; return true, false or a LoginDecision object`,
  );
}

function anotherCommand(): SshError {
  return new SshError("usage", "the factors of this login force different commands; only one can run");
}

function isMethods(value: unknown): value is readonly LoginMethod[] {
  return Array.isArray(value) && value.every((one) => METHODS.includes(one as LoginMethod));
}

function givenUp(): SshError {
  return new SshError("aborted", "the client gave up the keyboard-interactive login");
}
