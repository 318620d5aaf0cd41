import {
  type AskToken,
  askToken,
  completeLimits,
  isLoginMethodNumber,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  SshError,
  staleAnswer,
} from "@nacre/wire";
import { AUTH_LIMITS, type AuthLimits } from "../limits.ts";
import { isNames, isRefusal, outOfTurn } from "../methods/messages.ts";
import type { LoginSubject, LoginVerdict, ServerAttempt, ServerMethod } from "../methods/server-method.ts";
import { SERVICE_CONNECTION, SERVICE_USERAUTH } from "../services.ts";
import { AuthProgress } from "./auth-progress.ts";
import type { ServerAuthEvent, ServerAuthOptions } from "./options.ts";

type State =
  | /** Waiting for the service request. */ { readonly kind: "new" }
  | /** Waiting for a login request. */ { readonly kind: "ready" }
  | /** A method handles a request. */ { readonly kind: "begun"; readonly attempt: ServerAttempt }
  | /** Waiting for the application. */ {
      readonly kind: "asked";
      readonly attempt: ServerAttempt;
      readonly token: AskToken;
      readonly answered: (answer: unknown) => void;
    }
  | /** Waiting for the client's message of the method. */ {
      readonly kind: "questioned";
      readonly attempt: ServerAttempt;
      readonly received: (payload: Uint8Array) => void;
    }
  | { readonly kind: "over" };

/**
 * Server side of the authentication protocol (RFC 4252). It receives a client's messages and asks the application about each login.
 * Signatures are verified here, before the application sees the login. Requests are handled one at a time, in order. Those that arrive
 * while an ask is open are queued, so a late answer always applies to the request it was asked for. Invalid input from the client ends in a
 * `closed` event, never in an exception. Invalid calls throw `usage`.
 */
export class ServerAuth {
  readonly #options: ServerAuthOptions;
  readonly #limits: AuthLimits;
  readonly #progress: AuthProgress;
  readonly #events: ServerAuthEvent[] = [];
  readonly #queue: Uint8Array[] = [];
  #state: State = { kind: "new" };
  /** Name of the requested method, if it has messages of its own. */
  #context: string | undefined;

  constructor(options: ServerAuthOptions) {
    this.#options = options;
    this.#limits = completeLimits(AUTH_LIMITS, options.limits);
    this.#progress = new AuthProgress(options.methods, this.#limits);
  }

  /** Handles a message from the client. The payload is not kept. Ignored after the last event (RFC 4252 §5.3). */
  receive(payload: Uint8Array): void {
    if (this.#state.kind !== "over") this.#guard(() => this.#receive(payload));
  }

  /** Returns the oldest unread event, or `undefined`. */
  nextEvent(): ServerAuthEvent | undefined {
    return this.#events.shift();
  }

  /**
   * Answers an ask. Its type documents the answer. Throws `usage` if the token does not belong to the open ask, or for an invalid answer;
   * in the second case the ask stays open.
   */
  answer(token: AskToken, answer: unknown): void {
    const state = this.#state;
    if (state.kind !== "asked" || /* rule: verdict-token */ state.token !== token) throw staleAnswer(token);
    this.#guard(() => state.answered(answer));
  }

  /**
   * Sends a banner to the client now (RFC 4252 §5.4). Throws `usage` before the client has requested the service, and after the last event.
   */
  sendBanner(message: string): void {
    if (this.#state.kind === "new" || this.#state.kind === "over")
      throw new SshError("usage", "a banner can be sent only during authentication");
    this.#options.sink.write(SSH_MSG_USERAUTH_BANNER.encode({ message, languageTag: "" }));
  }

  /** Whether an ask is open. The time until its answer must not count against the client, and later input must wait for it. */
  get waitingForApplication(): boolean {
    return this.#state.kind === "asked";
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0];
    const state = this.#state;
    const { authRequestBytes, queuedAuthRequests } = this.#limits;
    // rule: auth-request-length
    if (payload.length > authRequestBytes)
      throw new SshError(
        "auth-limit",
        `the client sent an authentication message of ${payload.length} bytes, but the maximum is ${authRequestBytes} (\`authRequestBytes\`)`,
      );
    if (number === SSH_MSG_SERVICE_REQUEST.number && state.kind === "new") {
      this.#receiveServiceRequest(payload);
    } else if (number === SSH_MSG_USERAUTH_REQUEST.number && state.kind !== "new") {
      if (this.#queue.length >= queuedAuthRequests)
        throw new SshError(
          "auth-limit",
          `the client sent more than ${queuedAuthRequests} further login requests before the first was answered (\`queuedAuthRequests\`)`,
        );
      // Events hold views of this copy, such as public keys.
      this.#queue.push(payload.slice());
    } else if (number !== undefined && isLoginMethodNumber(number) && state.kind === "questioned") {
      // The gate of the transport admits only messages that the method defines for the client.
      state.received(payload);
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
    this.#options.sink.write(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName }));
    this.#state = { kind: "ready" };
    if (this.#options.banner !== undefined) this.sendBanner(this.#options.banner);
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
    const { canContinue } = this.#progress;
    const method = this.#options.loginMethods.find(
      ({ name, variants, isUnlisted = false }) =>
        (name === methodName || variants?.includes(methodName)) && (isUnlisted || canContinue.includes(name)),
    );
    this.#setContext(method);
    if (method === undefined) {
      this.#progress.countFailure();
      this.#sendFailure(false);
      return;
    }
    const attempt = this.#attemptBy(method, subject);
    this.#state = { kind: "begun", attempt };
    method.begin(attempt, methodData, methodName);
  }

  /** Returns what `method` can do with one login request. */
  #attemptBy(method: ServerMethod, subject: LoginSubject): ServerAttempt {
    const progress = this.#progress;
    const end = (): void => {
      expectTurn();
      this.#state = { kind: "ready" };
    };
    let isFirst = true;
    const attempt: ServerAttempt = {
      options: this.#options,
      limits: this.#limits,
      subject,
      progress,
      isOffered: progress.canContinue.includes(method.name),
      ask: (ask, answered) => {
        expectTurn();
        const token = askToken(ask.type);
        this.#events.push({ ...ask, method: method.name, token, isFirst, ...subject } as ServerAuthEvent);
        isFirst = false;
        this.#state = { kind: "asked", attempt, token, answered };
      },
      send: (payload, received) => {
        expectTurn();
        this.#options.sink.write(payload);
        this.#state = { kind: "questioned", attempt, received };
      },
      reply: (payload) => {
        end();
        this.#options.sink.write(payload);
      },
      judge: (factor, verdict, counts) => {
        checkVerdict(verdict);
        end();
        const factors = subject.factors.concat(factor);
        if (verdict === "success") {
          this.#options.sink.write(SSH_MSG_USERAUTH_SUCCESS.encode({}));
          this.#finish({ type: "success", ...subject, factors });
        } else if (verdict === "failure" || "failure" in verdict) {
          if (counts !== "counted") progress.countFailure();
          this.#refuse(verdict === "failure" ? undefined : verdict.failure);
        } else {
          progress.advance(factors, verdict.partial);
          this.#sendFailure(true);
        }
      },
      fail: () => {
        end();
        progress.countFailure();
        this.#refuse();
      },
      refuse: (methods) => {
        end();
        this.#refuse(methods);
      },
    };
    const expectTurn = (): void => {
      if (!("attempt" in this.#state) || this.#state.attempt !== attempt) throw outOfTurn(method);
    };
    return attempt;
  }

  /** `methods`: those that can continue; default as before. */
  #refuse(methods?: readonly string[]): void {
    if (methods !== undefined) this.#progress.offer(methods);
    this.#sendFailure(false);
  }

  #sendFailure(partialSuccess: boolean): void {
    const isUnlisted = (one: string): boolean =>
      this.#options.loginMethods.some((method) => method.name === one && method.isUnlisted === true);
    const authenticationsThatCanContinue = this.#progress.canContinue.filter((one) => !isUnlisted(one));
    this.#options.sink.write(SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue, partialSuccess }));
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
      // `usage` is an invalid answer of the application.
      if (!(error instanceof SshError) || error.code === "usage") throw error;
      this.#finish({ type: "closed", error });
    }
  }

  #setContext(method: ServerMethod | undefined): void {
    const context = method?.messages.length ? method.name : undefined;
    if (context !== this.#context) this.#events.push({ type: "method", method: context });
    this.#context = context;
  }

  #finish(event: Extract<ServerAuthEvent, { type: "success" | "closed" }>): void {
    this.#state = { kind: "over" };
    this.#queue.length = 0;
    this.#setContext(undefined);
    this.#events.push(event);
  }
}

/** Throws `usage` unless the answer of the application is a verdict. */
function checkVerdict(verdict: unknown): asserts verdict is LoginVerdict {
  const partial = (verdict as { readonly partial?: unknown } | null | undefined)?.partial;
  const isPartial = isNames(partial) && partial.length > 0;
  if (verdict !== "success" && verdict !== "failure" && !isPartial && !isRefusal(verdict))
    throw new SshError(
      "usage",
      "a verdict must be `success`, `failure`, `partial` with at least one method, or `failure` with a list of methods",
    );
}

function unavailable(serviceName: string): SshError {
  return new SshError(
    "service-unavailable",
    `the client requested the service ${serviceName.slice(0, 64)}, which is not available`,
  );
}
