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
import {
  beginKeyboardInteractive,
  type KeyboardInteractiveState,
  receiveInfoRequest,
  sendNothing,
  sendResponses,
} from "./keyboard-interactive.ts";
import { beginNone, type NoneState } from "./none.ts";
import {
  beginPassword,
  type PasswordState,
  receivePasswdChangereq,
  sendPassword,
  sendPasswordChange,
} from "./password.ts";
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
import type { ClientAuthEvent, ClientAuthOptions, ClientMethodDriver, Identity } from "./types.ts";

/** A message of ours that the login waits for the answer to. */
interface AwaitedMessage extends SentMessage {
  readonly number: number;
}

type ClientState =
  | { readonly method: undefined; readonly kind: "new" | "over" }
  | NoneState
  | PublickeyState
  | KeyboardInteractiveState
  | PasswordState;

/** Numbers 60 to 79 belong to the method in use (RFC 4252 §6): this one means something under three of them. */
const METHOD_SPECIFIC = SSH_MSG_USERAUTH_PK_OK.number;

/**
 * The client of the authentication protocol (RFC 4252): gives payloads to the sink, takes the server's, and says by events
 * what happened and what it needs to know. Never throws for what the server sends; a wrong call throws `usage`.
 */
export class ClientAuth {
  readonly #driver: ClientMethodDriver;
  readonly #plan: Plan;
  readonly #report = new Report();
  readonly #events: ClientAuthEvent[] = [];
  #state: ClientState = { method: undefined, kind: "new" };
  #serviceAccepted = false;
  #context: MethodContext | undefined;
  #banners = 0;
  #bannerBytes = 0;
  /** The service request, and the last message of the login. */
  #awaited: readonly AwaitedMessage[] = [];

  constructor(options: ClientAuthOptions) {
    const limits = completeLimits(AUTH_LIMITS, options.limits);
    this.#plan = new Plan(options, limits);
    this.#driver = {
      options,
      limits,
      request: (methodName, methodData) => this.#request(methodName, methodData),
      send: (payload) => this.#send(payload),
      emit: (event) => this.#events.push(event),
    };
  }

  /**
   * The signature algorithms that the server knows, from its EXT_INFO (RFC 8308 §3.1), whenever it comes. Before it a key
   * is tried with its own algorithms in order; afterwards only with those named.
   */
  setServerSigAlgs(names: readonly string[]): void {
    this.#plan.setServerSigAlgs(names);
  }

  /** Sends SSH_MSG_SERVICE_REQUEST and, in the same flight, the first request. Throws `usage` the second time. */
  start(): void {
    if (this.#state.kind !== "new") throw new SshError("usage", "authentication has been started already");
    this.#send(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: SERVICE_USERAUTH }));
    this.#tryNext();
  }

  /** A message from the server, which is read before this returns and not kept. After the end it is ignored. */
  receive(payload: Uint8Array): void {
    if (this.#state.kind === "over") return;
    try {
      this.#receive(payload);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#finish({ type: "closed", error });
    }
  }

  /** What happened, oldest first. */
  nextEvent(): ClientAuthEvent | undefined {
    return this.#events.shift();
  }

  /**
   * Answers `sign` with a signature blob (RFC 4253 §6.6); `undefined`: this key cannot sign, go on with what is left.
   * Throws `usage` for a token that is not the open ask's.
   */
  answerSignature(token: AskToken, signature: Uint8Array | undefined): void {
    const state = this.#state;
    if (state.method !== "publickey" || state.kind !== "asked" || /* rule: sign-token */ state.token !== token)
      throw staleAnswer(token);
    this.#goOn(state.identity, signature === undefined ? NO_SIGNATURE : sendSignature(this.#driver, state, signature));
  }

  /** Answers `password`; `undefined` gives the method up. Throws `usage` for a token that is not the open ask's. */
  answerPassword(token: AskToken, password: string | undefined): void {
    const state = this.#state;
    if (state.method !== "password" || state.kind !== "asked" || state.token !== token) throw staleAnswer(token);
    if (password === undefined) {
      this.#giveUp("password");
      this.#tryNext();
      return;
    }
    this.#state = sendPassword(this.#driver, password);
  }

  /** Answers `change-password`; `undefined` gives the method up. Throws `usage` for a token that is not the open ask's. */
  answerChangePassword(
    token: AskToken,
    passwords: { readonly oldPassword: string; readonly newPassword: string } | undefined,
  ): void {
    const state = this.#state;
    if (state.method !== "password" || state.kind !== "change-asked" || state.token !== token) throw staleAnswer(token);
    if (passwords === undefined) {
      this.#report.note("the server demands a new password, and none was given");
      this.#plan.methodOver("password");
      this.#tryNext();
      return;
    }
    this.#state = sendPasswordChange(this.#driver, state, passwords);
  }

  /**
   * Answers `prompts`, one response each, in order; `undefined` gives the method up, with empty responses until the server ends the
   * conversation. Throws `usage` for a token that is not the open ask's, or another number of responses than prompts (the ask then stays
   * open).
   */
  answerPrompts(token: AskToken, responses: readonly string[] | undefined): void {
    const state = this.#state;
    if (state.method !== "keyboard-interactive" || state.kind !== "asked" || state.token !== token)
      throw staleAnswer(token);
    if (responses === undefined) {
      this.#giveUp("keyboard-interactive");
      this.#state = sendNothing(this.#driver, state.rounds, state.promptCount);
      return;
    }
    if (responses.length !== state.promptCount)
      throw new SshError("usage", `${state.promptCount} prompts want as many responses, not ${responses.length}`);
    this.#state = sendResponses(this.#driver, { rounds: state.rounds, givenUp: false }, responses);
  }

  /** Whether a request that carries a signature awaits its answer. */
  get signedRequestInFlight(): boolean {
    return this.#state.method === "publickey" && this.#state.kind === "sent";
  }

  /** The name of our message with that sequence number, if the login waits for the answer to it. */
  nameOf(sequenceNumber: number): string | undefined {
    const awaited = this.#awaited.find((one) => one.sequenceNumber === sequenceNumber);
    return awaited && messageName(awaited.number, this.#context);
  }

  /** Whether an ask is open: the time until its answer is not the server's. */
  get waitingForApplication(): boolean {
    return this.#state.kind === "asked" || this.#state.kind === "change-asked";
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0];
    if (number === SSH_MSG_SERVICE_ACCEPT.number) {
      if (this.#serviceAccepted || this.#state.kind === "new") throw this.#unexpected(number);
      const { serviceName } = SSH_MSG_SERVICE_ACCEPT.decode(payload);
      if (serviceName !== SERVICE_USERAUTH)
        throw new SshError(
          "unexpected-message",
          `the server accepted the service ${serviceName.slice(0, 64)} where ${SERVICE_USERAUTH} was asked for`,
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
    const { authBanners, authBannerBytes } = this.#driver.limits;
    this.#banners++;
    this.#bannerBytes += payload.length;
    if (/* rule: banner-count */ this.#banners > authBanners || this.#bannerBytes > authBannerBytes)
      throw new SshError(
        "auth-limit",
        `the server sent more than ${authBanners} banners, or more than ${authBannerBytes} bytes of them`,
      );
    const banner = decodeIfReadable(SSH_MSG_USERAUTH_BANNER, payload);
    if (banner !== undefined) this.#driver.emit({ type: "banner", message: banner.message });
  }

  #receiveMethodSpecific(payload: Uint8Array): void {
    const state = this.#state;
    if (state.method === "publickey" && state.kind === "queried")
      this.#goOn(state.identity, receivePkOk(this.#driver, state, payload));
    else if (state.method === "password" && state.kind === "sent")
      this.#state = receivePasswdChangereq(this.#driver, state, payload);
    else if (state.method === "keyboard-interactive" && state.kind === "sent")
      this.#state = receiveInfoRequest(this.#driver, state, payload);
    else throw this.#unexpected(METHOD_SPECIFIC);
  }

  #receiveFailure(payload: Uint8Array): void {
    const state = this.#state;
    if (state.kind !== "sent" && state.kind !== "queried") throw this.#unexpected(SSH_MSG_USERAUTH_FAILURE.number);
    const { authenticationsThatCanContinue, partialSuccess } = SSH_MSG_USERAUTH_FAILURE.decode(payload);
    this.#plan.answered(authenticationsThatCanContinue);
    // A query asks for nothing that could succeed: whatever is said of it means no.
    const accepted = partialSuccess && state.kind === "sent";
    const verdict = accepted ? "accepted" : "refused";
    if (state.method === "publickey") {
      if (accepted) this.#plan.keyOver(state.identity);
      else this.#plan.keyRefused(state.identity, state.algorithm);
      this.#report.tried(
        `publickey (${describeKey(state.identity, this.#driver.options)}, ${state.algorithm})`,
        verdict,
      );
    } else if (state.method === "keyboard-interactive") {
      // A server that refuses without having asked anything has nothing behind it.
      if (accepted || state.rounds === 0) this.#plan.methodOver(state.method);
      // What was given up is noted as such.
      const givenUp = state.kind === "sent" && state.givenUp;
      if (accepted || !givenUp) this.#report.tried(state.method, verdict);
    } else if (state.method === "password") {
      if (accepted) this.#plan.methodOver(state.method);
      this.#report.tried(state.method, verdict);
    }
    this.#tryNext();
  }

  /** What came of signing, or of asking for it. */
  #goOn(identity: Identity, to: PublickeyState | CannotSign): void {
    if (!("cannotSign" in to)) {
      this.#state = to;
      return;
    }
    this.#plan.keyOver(identity);
    this.#report.note(`not signed with ${describeKey(identity, this.#driver.options)}: ${to.cannotSign}`);
    this.#tryNext();
  }

  #giveUp(method: "password" | "keyboard-interactive"): void {
    this.#plan.methodOver(method);
    this.#report.note(`${method} was given up for want of an answer`);
  }

  #tryNext(): void {
    const driver = this.#driver;
    const choice = this.#plan.next();
    switch (choice?.method) {
      case "none":
        this.#state = beginNone(driver);
        return;
      case "publickey":
        if (choice.signAtOnce) this.#goOn(choice.identity, signWithKey(driver, choice));
        else this.#state = queryKey(driver, choice);
        return;
      case "keyboard-interactive":
        this.#state = beginKeyboardInteractive(driver);
        return;
      case "password":
        this.#state = beginPassword(driver, choice.attempt);
        return;
      case undefined:
        for (const identity of this.#plan.unusable) {
          const names = identity.publicKey.algorithms.map(({ name }) => name).join(", ");
          this.#report.note(
            `not tried: ${describeKey(identity, this.#driver.options)}, for the server knows no algorithm of it (${names})`,
          );
        }
        this.#finish({
          type: "closed",
          error: this.#report.error(driver.options.userName, this.#plan.canContinue ?? []),
        });
    }
  }

  #request(methodName: string, methodData: Uint8Array): void {
    const { userName } = this.#driver.options;
    this.#setContext(methodName === "none" ? undefined : (methodName as MethodContext));
    this.#send(SSH_MSG_USERAUTH_REQUEST.encode({ userName, serviceName: SERVICE_CONNECTION, methodName, methodData }));
  }

  #send(payload: Uint8Array): void {
    const message: AwaitedMessage = { number: payload[0]!, sequenceNumber: undefined };
    this.#awaited = [...this.#awaited.slice(0, 1), message];
    this.#driver.options.sink.write(payload, message);
  }

  #setContext(method: MethodContext | undefined): void {
    if (method !== this.#context) this.#driver.emit({ type: "method", method });
    this.#context = method;
  }

  #finish(event: Extract<ClientAuthEvent, { type: "success" | "closed" }>): void {
    this.#state = { method: undefined, kind: "over" };
    this.#setContext(undefined);
    this.#driver.emit(event);
  }

  #unexpected(number: number | undefined): SshError {
    const { method, kind } = this.#state;
    const name = number === undefined ? undefined : messageName(number, this.#context);
    const what = `${name ?? "a message"} (${number ?? "empty"})`;
    const when = this.#serviceAccepted
      ? `while the client's ${method ?? "login"} was ${kind}`
      : "before it was asked for the service, or accepted it";
    return new SshError("unexpected-message", `the server sent ${what} ${when}`);
  }
}

const NO_SIGNATURE: CannotSign = { cannotSign: "no signature was given" };
