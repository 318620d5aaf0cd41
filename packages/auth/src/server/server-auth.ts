import {
  type AskToken,
  completeLimits,
  type MethodContext,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  SshError,
  staleAnswer,
} from "@nacre/wire";
import { AUTH_LIMITS } from "../limits.ts";
import { SERVICE_CONNECTION, SERVICE_USERAUTH } from "../services.ts";
import { AuthProgress } from "./auth-progress.ts";
import {
  type KeyboardInteractiveState,
  receiveInfoResponse,
  receiveKeyboardInteractive,
  sendInfoRequest,
} from "./keyboard-interactive.ts";
import { type PasswordState, receivePassword, sendPasswdChangereq } from "./password.ts";
import { type PublickeyState, receivePublickey, sendPkOk } from "./publickey.ts";
import type {
  Factor,
  LoginSubject,
  LoginVerdict,
  Questions,
  ServerAuthEvent,
  ServerAuthOptions,
  ServerMethodDriver,
} from "./types.ts";

type AskedState = PublickeyState | PasswordState | Extract<KeyboardInteractiveState, { kind: "asked" }>;

type ServerState =
  | /** The service request is due. */ { readonly kind: "new" }
  | /** A login request is due. */ { readonly kind: "ready" }
  | AskedState
  | KeyboardInteractiveState
  | { readonly kind: "over" };

/**
 * The server of the authentication protocol (RFC 4252): takes payloads from a client and asks the application about each
 * login. Signatures are verified here, before the application learns of the login. Requests are taken one at a time, in order:
 * those that come while the application is asked wait, so that an answer, however late, is about the request it was asked
 * for. Never throws for what the client sends; a wrong call throws `usage`.
 */
export class ServerAuth {
  readonly #driver: ServerMethodDriver;
  readonly #progress: AuthProgress;
  readonly #events: ServerAuthEvent[] = [];
  readonly #queue: Uint8Array[] = [];
  #state: ServerState = { kind: "new" };
  #context: MethodContext | undefined;

  constructor(options: ServerAuthOptions) {
    const limits = completeLimits(AUTH_LIMITS, options.limits);
    this.#progress = new AuthProgress(options.methods, limits);
    this.#driver = { options, limits, emit: (event) => this.#events.push(event) };
  }

  /** A message from the client, which is not kept. After the end it is ignored (RFC 4252 §5.3). */
  receive(payload: Uint8Array): void {
    if (this.#state.kind !== "over") this.#guard(() => this.#receive(payload));
  }

  /** What happened, oldest first. */
  nextEvent(): ServerAuthEvent | undefined {
    return this.#events.shift();
  }

  /** Answers `query`: whether a login with the key could succeed. Throws `usage` for a token that is not the open ask's. */
  answerQuery(token: AskToken, acceptable: boolean): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "query" || state.token !== token) throw staleAnswer(token);
    this.#guard(() => {
      this.#state = { kind: "ready" };
      if (acceptable) return sendPkOk(this.#driver, state.sent);
      this.#progress.countRefusedQuery();
      this.#sendFailure(false);
    });
  }

  /** Answers `publickey`. Throws `usage` for a token that is not the open ask's. */
  answerPublickey(token: AskToken, verdict: LoginVerdict): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "publickey" || /* rule: verdict-token */ state.token !== token)
      throw staleAnswer(token);
    this.#judge(state.subject, { method: "publickey", ...state.key }, verdict);
  }

  /**
   * Answers `password` and `change-password`. With `changePrompt` the password has to be changed, or the new one is not good
   * enough; this counts as a failed attempt. Throws `usage` for a token that is not the open ask's.
   */
  answerPassword(token: AskToken, verdict: LoginVerdict | { readonly changePrompt: string }): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "password" || state.token !== token) throw staleAnswer(token);
    if (typeof verdict === "string" || "partial" in verdict) {
      this.#judge(state.subject, { method: "password" }, verdict);
      return;
    }
    this.#guard(() => {
      this.#state = { kind: "ready" };
      this.#progress.countFailure();
      sendPasswdChangereq(this.#driver, verdict.changePrompt);
    });
  }

  /**
   * Answers `keyboard-interactive` and `responses`, with a verdict or with the next questions. Throws `usage` for a token that
   * is not the open ask's.
   */
  answerKeyboardInteractive(token: AskToken, verdict: LoginVerdict | Questions): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "keyboard-interactive" || state.token !== token)
      throw staleAnswer(token);
    if (typeof verdict === "string" || "partial" in verdict)
      this.#judge(state.subject, { method: "keyboard-interactive" }, verdict);
    else this.#guard(() => this.#goOn(sendInfoRequest(this.#driver, state, verdict), true));
  }

  /** Shows a text to the client now (RFC 4252 §5.4). Throws `usage` before the client has asked for the service, and at the end. */
  sendBanner(message: string): void {
    if (this.#state.kind === "new" || this.#state.kind === "over")
      throw new SshError("usage", "a banner can be sent while authentication goes on, not before or after");
    this.#driver.options.sink.write(SSH_MSG_USERAUTH_BANNER.encode({ message, languageTag: "" }));
  }

  /** Whether an ask is open: the time until its answer is not the client's, and what it sent after its login is not due yet. */
  get waitingForApplication(): boolean {
    return this.#state.kind === "asked";
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0];
    const state = this.#state;
    const { authRequestBytes, queuedAuthRequests } = this.#driver.limits;
    // rule: auth-request-length
    if (payload.length > authRequestBytes)
      throw new SshError(
        "auth-limit",
        `the client sent a login message of ${payload.length} bytes where ${authRequestBytes} are allowed`,
      );
    if (number === SSH_MSG_SERVICE_REQUEST.number && state.kind === "new") {
      this.#receiveServiceRequest(payload);
    } else if (number === SSH_MSG_USERAUTH_REQUEST.number && state.kind !== "new") {
      if (state.kind === "asked" && this.#queue.length >= queuedAuthRequests)
        throw new SshError(
          "auth-limit",
          `the client sent more than ${queuedAuthRequests} requests ahead of their turn`,
        );
      // What the application is handed later, keys among it, are views of this copy.
      this.#queue.push(payload.slice());
    } else if (number === SSH_MSG_USERAUTH_INFO_RESPONSE.number && state.kind === "questioned") {
      this.#goOn(receiveInfoResponse(this.#driver, state, payload), true);
    } else {
      throw new SshError(
        "unexpected-message",
        `the client sent message ${number ?? "(empty)"} where login was ${state.kind}`,
      );
    }
  }

  #receiveServiceRequest(payload: Uint8Array): void {
    const { serviceName } = SSH_MSG_SERVICE_REQUEST.decode(payload);
    if (serviceName !== SERVICE_USERAUTH) throw unavailable(serviceName);
    this.#driver.options.sink.write(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName }));
    this.#state = { kind: "ready" };
    if (this.#driver.options.banner !== undefined) this.sendBanner(this.#driver.options.banner);
  }

  #receiveRequest(payload: Uint8Array): void {
    const { userName, serviceName, methodName, methodData } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
    if (serviceName !== SERVICE_CONNECTION) throw unavailable(serviceName);
    // RFC 4252 §5.1: a new request aborts a conversation, which gets no failure message of its own.
    if (this.#state.kind === "questioned") {
      this.#state = { kind: "ready" };
      this.#progress.countFailure();
    }
    const subject = this.#progress.begin(userName, serviceName);
    const method = this.#progress.canContinue.find((one) => one === methodName);
    this.#setContext(method);
    switch (method) {
      case "publickey":
        this.#goOn(receivePublickey(this.#driver, this.#progress, subject, methodData), false);
        return;
      case "password":
        this.#goOn(receivePassword(this.#driver, subject, methodData), true);
        return;
      case "keyboard-interactive":
        this.#goOn(receiveKeyboardInteractive(this.#driver, subject, methodData), true);
        return;
      case undefined:
        if (methodName === "none") this.#progress.countNone();
        else this.#progress.countFailure();
        this.#sendFailure(false);
    }
  }

  /** The next state, or a refusal, which `counts` as a failed attempt unless that was done. */
  #goOn(next: ServerState | undefined, counts: boolean): void {
    this.#state = next ?? { kind: "ready" };
    if (next !== undefined) return;
    if (counts) this.#progress.countFailure();
    this.#sendFailure(false);
  }

  #judge(subject: LoginSubject, factor: Factor, verdict: LoginVerdict): void {
    if (typeof verdict !== "string" && verdict.partial.length === 0)
      throw new SshError("usage", "a partial success names the methods of which one must follow: there is none");
    this.#guard(() => {
      this.#state = { kind: "ready" };
      const factors = subject.factors.concat(factor);
      if (verdict === "success") {
        this.#driver.options.sink.write(SSH_MSG_USERAUTH_SUCCESS.encode({}));
        this.#finish({ type: "success", ...subject, factors });
      } else if (verdict === "failure") {
        this.#progress.countFailure();
        this.#sendFailure(false);
      } else {
        this.#progress.advance(factors, verdict.partial);
        this.#sendFailure(true);
      }
    });
  }

  #sendFailure(partialSuccess: boolean): void {
    const authenticationsThatCanContinue = this.#progress.canContinue;
    this.#driver.options.sink.write(
      SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue, partialSuccess }),
    );
  }

  /** Does a step, then takes the requests that have waited for it. What the client did wrong ends authentication. */
  #guard(step: () => void): void {
    try {
      step();
      while (this.#state.kind === "ready" || this.#state.kind === "questioned") {
        const payload = this.#queue.shift();
        if (payload === undefined) return;
        this.#receiveRequest(payload);
      }
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#finish({ type: "closed", error });
    }
  }

  #setContext(method: MethodContext | undefined): void {
    if (method !== this.#context) this.#driver.emit({ type: "method", method });
    this.#context = method;
  }

  #finish(event: Extract<ServerAuthEvent, { type: "success" | "closed" }>): void {
    this.#state = { kind: "over" };
    this.#queue.length = 0;
    this.#setContext(undefined);
    this.#driver.emit(event);
  }
}

function unavailable(serviceName: string): SshError {
  return new SshError(
    "service-unavailable",
    `the client wants the service ${serviceName.slice(0, 64)}, which is not available`,
  );
}
