import type { SentMessage } from "@nacre/packet";
import {
  type AskToken,
  completeLimits,
  decodeIfReadable,
  type MethodContext,
  messageName,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  SshError,
  staleAnswer,
} from "@nacre/wire";
import { AUTH_LIMITS } from "../limits.ts";
import { SERVICE_CONNECTION, SERVICE_USERAUTH } from "../services.ts";
import type { InteractiveMethods } from "./interactive.ts";
import type { KeyboardInteractiveState } from "./keyboard-interactive.ts";
import { beginNone, type NoneState } from "./none.ts";
import type { PasswordState } from "./password.ts";
import { Plan } from "./plan.ts";
import {
  type CannotSign,
  type PublickeyState,
  queryKey,
  receivePkOk,
  sendSignature,
  signWithKey,
} from "./publickey.ts";
import { describeKey, Report } from "./report.ts";
import type { ClientAuthEvent, ClientAuthOptions, ClientMethodHost, Identity } from "./types.ts";

/** A message of ours whose answer the login waits for. */
interface AwaitedMessage extends SentMessage {
  readonly number: number;
}

type ClientState =
  | { readonly method: undefined; readonly kind: "new" | "over" }
  | NoneState
  | PublickeyState
  | KeyboardInteractiveState
  | PasswordState;

/** The meaning of numbers 60 to 79 depends on the method in use (RFC 4252 §6). Number 60 is defined by three methods. */
const METHOD_SPECIFIC = SSH_MSG_USERAUTH_PK_OK.number;

/**
 * Client side of the authentication protocol (RFC 4252). It writes messages to the sink, receives the server's, and reports progress and
 * asks as events. Invalid input from the server ends in a `closed` event, never in an exception. Invalid calls throw `usage`.
 */
export class ClientAuth {
  readonly #host: ClientMethodHost;
  readonly #plan: Plan;
  readonly #report = new Report();
  readonly #events: ClientAuthEvent[] = [];
  #state: ClientState = { method: undefined, kind: "new" };
  #serviceAccepted = false;
  #context: MethodContext | undefined;
  #banners = 0;
  #bannerBytes = 0;
  /** The service request and the most recent message of the login. */
  #awaited: readonly AwaitedMessage[] = [];

  /** Throws `usage` if `password` or `keyboardInteractive` is set without `interactiveMethods`. */
  constructor(options: ClientAuthOptions) {
    if ((options.password || options.keyboardInteractive) && options.interactiveMethods === undefined)
      throw new SshError("usage", "`password` and `keyboardInteractive` need `interactiveMethods`");
    const limits = completeLimits(AUTH_LIMITS, options.limits);
    this.#plan = new Plan(options, limits);
    this.#host = {
      options,
      limits,
      request: (methodName, methodData) => this.#request(methodName, methodData),
      send: (payload) => this.#send(payload),
      emit: (event) => this.#events.push(event),
    };
  }

  /**
   * Sets the signature algorithms that the server supports, from its EXT_INFO (RFC 8308 §3.1), at any time. Without this call all
   * algorithms of a key are tried in the key's order; afterwards only the listed ones.
   */
  setServerSigAlgs(names: readonly string[]): void {
    this.#plan.setServerSigAlgs(names);
  }

  /** Sends SSH_MSG_SERVICE_REQUEST and, without waiting for its answer, the first login request. Throws `usage` if called twice. */
  start(): void {
    if (this.#state.kind !== "new") throw new SshError("usage", "authentication is already started");
    this.#send(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: SERVICE_USERAUTH }));
    this.#tryNext();
  }

  /** Handles a message from the server. The payload is read before this returns and not kept. Ignored after the last event. */
  receive(payload: Uint8Array): void {
    if (this.#state.kind === "over") return;
    try {
      this.#receive(payload);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#finish({ type: "closed", error });
    }
  }

  /** Returns the oldest unread event, or `undefined`. */
  nextEvent(): ClientAuthEvent | undefined {
    return this.#events.shift();
  }

  /**
   * Answers `sign` with a signature blob (RFC 4253 §6.6). `undefined` means that the key cannot sign; the next key or method is tried.
   * Throws `usage` if the token does not belong to the open ask.
   */
  answerSignature(token: AskToken, signature: Uint8Array | undefined): void {
    const state = this.#state;
    if (state.method !== "publickey" || state.kind !== "asked" || /* rule: sign-token */ state.token !== token)
      throw staleAnswer(token);
    this.#goOn(state.identity, signature === undefined ? NO_SIGNATURE : sendSignature(this.#host, state, signature));
  }

  /** Answers `password`; `undefined` abandons the method. Throws `usage` if the token does not belong to the open ask. */
  answerPassword(token: AskToken, password: string | undefined): void {
    const state = this.#state;
    if (state.method !== "password" || state.kind !== "asked" || state.token !== token) throw staleAnswer(token);
    if (password === undefined) {
      this.#giveUp("password");
      this.#tryNext();
      return;
    }
    this.#state = this.#interactive.sendPassword(this.#host, password);
  }

  /** Answers `change-password`; `undefined` abandons the method. Throws `usage` if the token does not belong to the open ask. */
  answerChangePassword(
    token: AskToken,
    passwords: { readonly oldPassword: string; readonly newPassword: string } | undefined,
  ): void {
    const state = this.#state;
    if (state.method !== "password" || state.kind !== "change-asked" || state.token !== token) throw staleAnswer(token);
    if (passwords === undefined) {
      this.#report.note("the server demanded a new password, but none was given");
      this.#plan.methodOver("password");
      this.#tryNext();
      return;
    }
    this.#state = this.#interactive.sendPasswordChange(this.#host, state, passwords);
  }

  /**
   * Answers `prompts` with one response per prompt, in order. `undefined` abandons the method: empty responses are sent until the server
   * ends the conversation. Throws `usage` if the token does not belong to the open ask, or if the number of responses differs from the
   * number of prompts; in the second case the ask stays open.
   */
  answerPrompts(token: AskToken, responses: readonly string[] | undefined): void {
    const state = this.#state;
    if (state.method !== "keyboard-interactive" || state.kind !== "asked" || state.token !== token)
      throw staleAnswer(token);
    if (responses === undefined) {
      this.#giveUp("keyboard-interactive");
      this.#state = this.#interactive.sendNothing(this.#host, state.rounds, state.promptCount);
      return;
    }
    if (responses.length !== state.promptCount)
      throw new SshError("usage", `expected ${state.promptCount} responses, one per prompt, got ${responses.length}`);
    this.#state = this.#interactive.sendResponses(this.#host, { rounds: state.rounds, givenUp: false }, responses);
  }

  /** Whether a request with a signature awaits its answer. */
  get signedRequestInFlight(): boolean {
    return this.#state.method === "publickey" && this.#state.kind === "sent";
  }

  /** Returns the name of our message with that sequence number if the login waits for its answer, otherwise `undefined`. */
  nameOf(sequenceNumber: number): string | undefined {
    const awaited = this.#awaited.find((one) => one.sequenceNumber === sequenceNumber);
    return awaited && messageName(awaited.number, this.#context);
  }

  /** Returns the error for a server that ended the connection during the login: `auth-failed` after too many refused attempts, else `error`. */
  disconnected(error: SshError): SshError {
    return this.#report.disconnected(this.#host.options.userName, error);
  }

  /** Whether an ask is open. The time until its answer must not count against the server. */
  get waitingForApplication(): boolean {
    return this.#state.kind === "asked" || this.#state.kind === "change-asked";
  }

  /** The plan chooses these methods only if the constructor has seen them. */
  get #interactive(): InteractiveMethods {
    return this.#host.options.interactiveMethods!;
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0];
    if (number === SSH_MSG_SERVICE_ACCEPT.number) {
      if (this.#serviceAccepted || this.#state.kind === "new") throw this.#unexpected(number);
      const { serviceName } = SSH_MSG_SERVICE_ACCEPT.decode(payload);
      if (serviceName !== SERVICE_USERAUTH)
        throw new SshError(
          "unexpected-message",
          `the server accepted the service ${serviceName.slice(0, 64)}, but ${SERVICE_USERAUTH} was requested`,
        );
      this.#serviceAccepted = true;
    } else if (/* rule: service-first */ !this.#serviceAccepted) {
      throw this.#unexpected(number);
    } else if (number === SSH_MSG_USERAUTH_BANNER.number) {
      this.#receiveBanner(payload);
    } else if (number === METHOD_SPECIFIC) {
      this.#receiveMethodSpecific(payload);
    } else if (number === SSH_MSG_USERAUTH_FAILURE.number) {
      this.#receiveFailure(payload);
    } else if (
      number === SSH_MSG_USERAUTH_SUCCESS.number &&
      /* rule: success-once-sent */ this.#state.kind === "sent"
    ) {
      SSH_MSG_USERAUTH_SUCCESS.decode(payload);
      this.#finish({ type: "success" });
    } else {
      throw this.#unexpected(number);
    }
  }

  #receiveBanner(payload: Uint8Array): void {
    const { authBanners, authBannerBytes } = this.#host.limits;
    this.#banners++;
    this.#bannerBytes += payload.length;
    if (/* rule: banner-count */ this.#banners > authBanners || this.#bannerBytes > authBannerBytes)
      throw new SshError(
        "auth-limit",
        `the server sent more than ${authBanners} banners (\`authBanners\`) or ${authBannerBytes} bytes of banners (\`authBannerBytes\`)`,
      );
    const banner = decodeIfReadable(SSH_MSG_USERAUTH_BANNER, payload);
    if (banner !== undefined) this.#host.emit({ type: "banner", message: banner.message });
  }

  #receiveMethodSpecific(payload: Uint8Array): void {
    const state = this.#state;
    if (state.method === "publickey" && state.kind === "queried")
      this.#goOn(state.identity, receivePkOk(this.#host, state, payload));
    else if (state.method === "password" && state.kind === "sent")
      this.#state = this.#interactive.receivePasswdChangereq(this.#host, state, payload);
    else if (state.method === "keyboard-interactive" && state.kind === "sent")
      this.#state = this.#interactive.receiveInfoRequest(this.#host, state, payload);
    else throw this.#unexpected(METHOD_SPECIFIC);
  }

  #receiveFailure(payload: Uint8Array): void {
    const state = this.#state;
    if (state.kind !== "sent" && state.kind !== "queried") throw this.#unexpected(SSH_MSG_USERAUTH_FAILURE.number);
    const { authenticationsThatCanContinue, partialSuccess } = SSH_MSG_USERAUTH_FAILURE.decode(payload);
    this.#plan.answered(authenticationsThatCanContinue);
    // A query cannot succeed, not even partially, so any SSH_MSG_USERAUTH_FAILURE refuses the key.
    const accepted = partialSuccess && state.kind === "sent";
    const verdict = accepted ? "accepted" : "refused";
    if (state.method === "publickey") {
      if (accepted) this.#plan.keyOver(state.identity);
      else this.#plan.keyRefused(state.identity, state.algorithm);
      this.#report.tried(`publickey (${describeKey(state.identity, this.#host.options)}, ${state.algorithm})`, verdict);
    } else if (state.method === "keyboard-interactive") {
      // A server that refuses before its first prompt does not support the method for this user.
      if (accepted || state.rounds === 0) this.#plan.methodOver(state.method);
      // An abandoned conversation already has its own note in the report.
      const givenUp = state.kind === "sent" && state.givenUp;
      if (accepted || !givenUp) this.#report.tried(state.method, verdict);
    } else if (state.method === "password") {
      if (accepted) this.#plan.methodOver(state.method);
      this.#report.tried(state.method, verdict);
    }
    this.#tryNext();
  }

  /** Continues with the state after a signing attempt, or with the next key or method if the key could not sign. */
  #goOn(identity: Identity, to: PublickeyState | CannotSign): void {
    if (!("cannotSign" in to)) {
      this.#state = to;
      return;
    }
    this.#plan.keyOver(identity);
    this.#report.note(`cannot sign with ${describeKey(identity, this.#host.options)}: ${to.cannotSign}`);
    this.#tryNext();
  }

  #giveUp(method: "password" | "keyboard-interactive"): void {
    this.#plan.methodOver(method);
    this.#report.note(`${method} was abandoned because no answer was given`);
  }

  #tryNext(): void {
    const host = this.#host;
    const choice = this.#plan.next();
    switch (choice?.method) {
      case "none":
        this.#state = beginNone(host);
        return;
      case "publickey":
        if (choice.signAtOnce) this.#goOn(choice.identity, signWithKey(host, choice));
        else this.#state = queryKey(host, choice);
        return;
      case "keyboard-interactive":
        this.#state = this.#interactive.beginKeyboardInteractive(host);
        return;
      case "password":
        this.#state = this.#interactive.beginPassword(host, choice.attempt);
        return;
      case undefined:
        for (const identity of this.#plan.unusable) {
          const names = identity.publicKey.algorithms.map(({ name }) => name).join(", ");
          this.#report.note(
            `skipped ${describeKey(identity, this.#host.options)} because the server supports none of its algorithms (${names})`,
          );
        }
        this.#finish({
          type: "closed",
          error: this.#report.error(host.options.userName, this.#plan.canContinue ?? []),
        });
    }
  }

  #request(methodName: string, methodData: Uint8Array): void {
    const { userName } = this.#host.options;
    this.#setContext(methodName === "none" ? undefined : (methodName as MethodContext));
    this.#send(SSH_MSG_USERAUTH_REQUEST.encode({ userName, serviceName: SERVICE_CONNECTION, methodName, methodData }));
  }

  #send(payload: Uint8Array): void {
    const message: AwaitedMessage = { number: payload[0]!, sequenceNumber: undefined };
    this.#awaited = [...this.#awaited.slice(0, 1), message];
    this.#host.options.sink.write(payload, message);
  }

  #setContext(method: MethodContext | undefined): void {
    if (method !== this.#context) this.#host.emit({ type: "method", method });
    this.#context = method;
  }

  #finish(event: Extract<ClientAuthEvent, { type: "success" | "closed" }>): void {
    this.#state = { method: undefined, kind: "over" };
    this.#setContext(undefined);
    this.#host.emit(event);
  }

  #unexpected(number: number | undefined): SshError {
    const { method, kind } = this.#state;
    const name = number === undefined ? undefined : messageName(number, this.#context);
    const what = `${name ?? "a message"} (${number ?? "empty"})`;
    const when = this.#serviceAccepted
      ? `while the client's ${method ?? "login"} was ${kind}`
      : `before it accepted the service ${SERVICE_USERAUTH}`;
    return new SshError("unexpected-message", `the server sent ${what} ${when}`);
  }
}

const NO_SIGNATURE: CannotSign = { cannotSign: "no signature was provided" };
