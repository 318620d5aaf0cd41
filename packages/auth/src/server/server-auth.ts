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
  ServerMethodHost,
} from "./types.ts";

type AskedState = PublickeyState | PasswordState | Extract<KeyboardInteractiveState, { kind: "asked" }>;

type ServerState =
  | /** Waiting for the service request. */ { readonly kind: "new" }
  | /** Waiting for a login request. */ { readonly kind: "ready" }
  | AskedState
  | KeyboardInteractiveState
  | { readonly kind: "over" };

/**
 * Server side of the authentication protocol (RFC 4252). It receives a client's messages and asks the application about each login.
 * Signatures are verified here, before the application sees the login. Requests are handled one at a time, in order. Those that arrive
 * while an ask is open are queued, so a late answer always applies to the request it was asked for. Invalid input from the client ends in a
 * `closed` event, never in an exception. Invalid calls throw `usage`.
 */
export class ServerAuth {
  readonly #host: ServerMethodHost;
  readonly #progress: AuthProgress;
  readonly #events: ServerAuthEvent[] = [];
  readonly #queue: Uint8Array[] = [];
  #state: ServerState = { kind: "new" };
  #context: MethodContext | undefined;

  constructor(options: ServerAuthOptions) {
    const limits = completeLimits(AUTH_LIMITS, options.limits);
    this.#progress = new AuthProgress(options.methods, limits);
    this.#host = { options, limits, emit: (event) => this.#events.push(event) };
  }

  /** Handles a message from the client. The payload is not kept. Ignored after the last event (RFC 4252 §5.3). */
  receive(payload: Uint8Array): void {
    if (this.#state.kind !== "over") this.#guard(() => this.#receive(payload));
  }

  /** Returns the oldest unread event, or `undefined`. */
  nextEvent(): ServerAuthEvent | undefined {
    return this.#events.shift();
  }

  /** Answers `query`: whether a login with the key could succeed. Throws `usage` if the token does not belong to the open ask. */
  answerQuery(token: AskToken, acceptable: boolean): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "query" || state.token !== token) throw staleAnswer(token);
    this.#guard(() => {
      this.#state = { kind: "ready" };
      if (acceptable) return sendPkOk(this.#host, state.sent);
      this.#progress.countRefusedQuery();
      this.#sendFailure(false);
    });
  }

  /** Answers `publickey`. Throws `usage` if the token does not belong to the open ask. */
  answerPublickey(token: AskToken, verdict: LoginVerdict): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "publickey" || /* rule: verdict-token */ state.token !== token)
      throw staleAnswer(token);
    this.#judge(state.subject, { method: "publickey", ...state.key }, verdict);
  }

  /**
   * Answers `password` and `change-password`. With `changePrompt` the client must change its password, or choose a better one; this counts
   * as a failed attempt. Throws `usage` if the token does not belong to the open ask.
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
      sendPasswdChangereq(this.#host, verdict.changePrompt);
    });
  }

  /**
   * Answers `keyboard-interactive` and `responses` with a verdict or the next questions. Throws `usage` if the token does not belong to the
   * open ask.
   */
  answerKeyboardInteractive(token: AskToken, verdict: LoginVerdict | Questions): void {
    const state = this.#state;
    if (state.kind !== "asked" || state.about !== "keyboard-interactive" || state.token !== token)
      throw staleAnswer(token);
    if (typeof verdict === "string" || "partial" in verdict)
      this.#judge(state.subject, { method: "keyboard-interactive" }, verdict);
    else this.#guard(() => this.#goOn(sendInfoRequest(this.#host, state, verdict), true));
  }

  /**
   * Sends a banner to the client now (RFC 4252 §5.4). Throws `usage` before the client has requested the service, and after the last event.
   */
  sendBanner(message: string): void {
    if (this.#state.kind === "new" || this.#state.kind === "over")
      throw new SshError("usage", "a banner can be sent only during authentication");
    this.#host.options.sink.write(SSH_MSG_USERAUTH_BANNER.encode({ message, languageTag: "" }));
  }

  /** Whether an ask is open. The time until its answer must not count against the client, and later input must wait for it. */
  get waitingForApplication(): boolean {
    return this.#state.kind === "asked";
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0];
    const state = this.#state;
    const { authRequestBytes, queuedAuthRequests } = this.#host.limits;
    // rule: auth-request-length
    if (payload.length > authRequestBytes)
      throw new SshError(
        "auth-limit",
        `the client sent an authentication message of ${payload.length} bytes, but the maximum is ${authRequestBytes} (\`authRequestBytes\`)`,
      );
    if (number === SSH_MSG_SERVICE_REQUEST.number && state.kind === "new") {
      this.#receiveServiceRequest(payload);
    } else if (number === SSH_MSG_USERAUTH_REQUEST.number && state.kind !== "new") {
      if (state.kind === "asked" && this.#queue.length >= queuedAuthRequests)
        throw new SshError(
          "auth-limit",
          `the client sent more than ${queuedAuthRequests} further login requests before the first was answered (\`queuedAuthRequests\`)`,
        );
      // Events hold views of this copy, such as public keys.
      this.#queue.push(payload.slice());
    } else if (number === SSH_MSG_USERAUTH_INFO_RESPONSE.number && state.kind === "questioned") {
      this.#goOn(receiveInfoResponse(this.#host, state, payload), true);
    } else {
      throw new SshError(
        "unexpected-message",
        `the client sent message ${number ?? "(empty)"} while authentication was in state ${JSON.stringify(state.kind)}`,
      );
    }
  }

  #receiveServiceRequest(payload: Uint8Array): void {
    const { serviceName } = SSH_MSG_SERVICE_REQUEST.decode(payload);
    if (serviceName !== SERVICE_USERAUTH) throw unavailable(serviceName);
    this.#host.options.sink.write(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName }));
    this.#state = { kind: "ready" };
    if (this.#host.options.banner !== undefined) this.sendBanner(this.#host.options.banner);
  }

  #receiveRequest(payload: Uint8Array): void {
    const { userName, serviceName, methodName, methodData } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
    if (serviceName !== SERVICE_CONNECTION) throw unavailable(serviceName);
    // A new request aborts a conversation, which gets no SSH_MSG_USERAUTH_FAILURE of its own (RFC 4252 §5.1).
    if (this.#state.kind === "questioned") {
      this.#state = { kind: "ready" };
      this.#progress.countFailure();
    }
    const subject = this.#progress.begin(userName, serviceName);
    const method = this.#progress.canContinue.find((one) => one === methodName);
    this.#setContext(method);
    switch (method) {
      case "publickey":
        this.#goOn(receivePublickey(this.#host, this.#progress, subject, methodData), false);
        return;
      case "password":
        this.#goOn(receivePassword(this.#host, subject, methodData), true);
        return;
      case "keyboard-interactive":
        this.#goOn(receiveKeyboardInteractive(this.#host, subject, methodData), true);
        return;
      case undefined:
        if (methodName === "none") this.#progress.countNone();
        else this.#progress.countFailure();
        this.#sendFailure(false);
    }
  }

  /**
   * Enters the next state, or refuses the request if it is `undefined`. `counts`: whether the refusal is still to be counted as a failed
   * attempt.
   */
  #goOn(next: ServerState | undefined, counts: boolean): void {
    this.#state = next ?? { kind: "ready" };
    if (next !== undefined) return;
    if (counts) this.#progress.countFailure();
    this.#sendFailure(false);
  }

  #judge(subject: LoginSubject, factor: Factor, verdict: LoginVerdict): void {
    if (typeof verdict !== "string" && verdict.partial.length === 0)
      throw new SshError("usage", "`partial` must name at least one method that can continue, got an empty list");
    this.#guard(() => {
      this.#state = { kind: "ready" };
      const factors = subject.factors.concat(factor);
      if (verdict === "success") {
        this.#host.options.sink.write(SSH_MSG_USERAUTH_SUCCESS.encode({}));
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
    this.#host.options.sink.write(SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue, partialSuccess }));
  }

  /** Runs a step, then handles queued requests. An error caused by the client ends authentication. */
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
    if (method !== this.#context) this.#host.emit({ type: "method", method });
    this.#context = method;
  }

  #finish(event: Extract<ServerAuthEvent, { type: "success" | "closed" }>): void {
    this.#state = { kind: "over" };
    this.#queue.length = 0;
    this.#setContext(undefined);
    this.#host.emit(event);
  }
}

function unavailable(serviceName: string): SshError {
  return new SshError(
    "service-unavailable",
    `the client requested the service ${serviceName.slice(0, 64)}, which is not available`,
  );
}
