import type { SentMessage } from "@nacre/packet";
import {
  type AskToken,
  askToken,
  completeLimits,
  decodeIfReadable,
  isLoginMethodNumber,
  messageName,
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
import type {
  ClientAttempt,
  ClientAttempts,
  ClientLogin,
  ClientLoginOptions,
  ClientMethod,
} from "../methods/client-method.ts";
import { invalidAnswer, outOfTurn } from "../methods/messages.ts";
import { SERVICE_CONNECTION, SERVICE_USERAUTH } from "../services.ts";
import type { ChosenAttempt, ClientAuthEvent, ClientAuthOptions } from "./options.ts";
import { Report } from "./report.ts";

/** A message of ours whose answer the login waits for. */
interface AwaitedMessage extends SentMessage {
  readonly number: number;
}

/** A login method to try, and its attempts in this login. */
interface Candidate {
  readonly method: ClientMethod;
  readonly attempts: ClientAttempts;
  wasTried: boolean;
}

type State =
  | { readonly kind: "new" | "over" }
  /** A method chooses its next step. */
  | { readonly kind: "choosing"; readonly method: ClientMethod }
  /** A request or message awaits its answer. `queried`: the server can only refuse it or go on; `signed`: it is expected to succeed. */
  | {
      readonly kind: "queried" | "signed" | "sent";
      readonly method: ClientMethod;
      readonly attempt: ClientAttempt;
      readonly userName: string;
    }
  /** The application chooses the next attempt. */
  | { readonly kind: "undecided"; readonly token: AskToken; readonly answered: (answer: unknown) => void }
  | {
      readonly kind: "asked";
      readonly method: ClientMethod;
      readonly token: AskToken;
      readonly answered: (answer: unknown) => void;
    };

/**
 * Client side of the authentication protocol (RFC 4252). It writes messages to the sink, receives the server's, and reports progress and
 * asks as events. Invalid input from the server ends in a `closed` event, never in an exception. Invalid calls throw `usage`.
 */
export class ClientAuth {
  readonly #options: ClientAuthOptions;
  readonly #limits: AuthLimits;
  /** The methods of the list, in order; if the application chooses the attempts, the one that it chose last. */
  #candidates: readonly Candidate[];
  readonly #report: Report;
  readonly #events: ClientAuthEvent[] = [];
  #state: State = { kind: "new" };
  #serviceAccepted = false;
  #serverSigAlgs: readonly string[] | undefined;
  #canContinue: readonly string[] | undefined;
  /** Whether the last attempt succeeded, but the server requires another factor. */
  #partialSuccess = false;
  /** Number of attempts that the application chose. */
  #chosen = 0;
  /** Name of the last requested method that has messages of its own. */
  #context: string | undefined;
  #banners = 0;
  #bannerBytes = 0;
  /** The service request and the most recent message of the login. */
  #awaited: readonly AwaitedMessage[] = [];

  constructor(options: ClientAuthOptions) {
    this.#options = options;
    this.#limits = completeLimits(AUTH_LIMITS, options.limits);
    this.#report = new Report(options.userName);
    const methods = options.asksAttempts === true ? [] : options.loginMethods;
    this.#candidates = methods
      .filter((method) => this.#mayTry(method))
      .map((method) => this.#candidate(method, options));
  }

  /**
   * Sets the signature algorithms that the server supports, from its EXT_INFO (RFC 8308 §3.1), at any time. Without this call all
   * algorithms of a key are tried in the key's order; afterwards only the listed ones.
   */
  setServerSigAlgs(names: readonly string[]): void {
    this.#serverSigAlgs = names;
  }

  /** Sends SSH_MSG_SERVICE_REQUEST and, without waiting for its answer, the first login request. Throws `usage` if called twice. */
  start(): void {
    if (this.#state.kind !== "new") throw new SshError("usage", "authentication is already started");
    this.#write(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: SERVICE_USERAUTH }));
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
   * Answers an ask. Its type documents the answer. Throws `usage` if the token does not belong to the open ask, or for an invalid answer;
   * in the second case the ask stays open.
   */
  answer(token: AskToken, answer: unknown): void {
    const state = this.#state;
    if (!("token" in state) || /* rule: sign-token */ state.token !== token) throw staleAnswer(token);
    state.answered(answer);
  }

  /** Whether a request with a signature awaits its answer. */
  get signedRequestInFlight(): boolean {
    return this.#state.kind === "signed";
  }

  /** Returns the name of our message with that sequence number if the login waits for its answer, otherwise `undefined`. */
  nameOf(sequenceNumber: number): string | undefined {
    const awaited = this.#awaited.find((one) => one.sequenceNumber === sequenceNumber);
    return awaited && this.#nameOf(awaited.number);
  }

  /**
   * Returns the error for a server that ended the connection during the login: `auth-failed` after too many refused
   * attempts, else `error`.
   */
  disconnected(error: SshError): SshError {
    return this.#report.disconnected(error);
  }

  /** Whether an ask of a method is open. The time until its answer must not count against the server. */
  get waitingForApplication(): boolean {
    return this.#state.kind === "asked";
  }

  /** Whether the application still has to choose an attempt (`next-attempt`). */
  get isUndecided(): boolean {
    return this.#state.kind === "undecided";
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
    } else if (number !== undefined && isLoginMethodNumber(number)) {
      this.#receiveMethodSpecific(payload);
    } else if (number === SSH_MSG_USERAUTH_FAILURE.number) {
      this.#receiveFailure(payload);
    } else if (
      number === SSH_MSG_USERAUTH_SUCCESS.number &&
      /* rule: success-once-sent */ (this.#state.kind === "sent" || this.#state.kind === "signed")
    ) {
      SSH_MSG_USERAUTH_SUCCESS.decode(payload);
      this.#finish({ type: "success" });
    } else {
      throw this.#unexpected(number);
    }
  }

  #receiveBanner(payload: Uint8Array): void {
    const { authBanners, authBannerBytes } = this.#limits;
    this.#banners++;
    this.#bannerBytes += payload.length;
    if (/* rule: banner-count */ this.#banners > authBanners || this.#bannerBytes > authBannerBytes)
      throw new SshError(
        "auth-limit",
        `the server sent more than ${authBanners} banners (\`authBanners\`) or ${authBannerBytes} bytes of banners (\`authBannerBytes\`)`,
      );
    const banner = decodeIfReadable(SSH_MSG_USERAUTH_BANNER, payload);
    if (banner !== undefined) this.#events.push({ type: "banner", message: banner.message });
  }

  #receiveMethodSpecific(payload: Uint8Array): void {
    const state = this.#state;
    // The gate of the transport admits only messages that the method defines for the server.
    if (!("attempt" in state) || state.attempt.receive === undefined) throw this.#unexpected(payload[0]);
    state.attempt.receive(payload);
  }

  #receiveFailure(payload: Uint8Array): void {
    const state = this.#state;
    if (!("attempt" in state)) throw this.#unexpected(SSH_MSG_USERAUTH_FAILURE.number);
    const { authenticationsThatCanContinue, partialSuccess } = SSH_MSG_USERAUTH_FAILURE.decode(payload);
    this.#canContinue = authenticationsThatCanContinue;
    // A query cannot succeed, not even partially, so any SSH_MSG_USERAUTH_FAILURE refuses it.
    const accepted = partialSuccess && state.kind !== "queried";
    this.#partialSuccess = accepted;
    const what = state.attempt.failed(accepted);
    if (what !== undefined) this.#report.tried(what, accepted ? "accepted" : "refused", state.userName);
    if (this.#options.asksAttempts) this.#askNext();
    else this.#tryNext();
  }

  /** Begins an attempt of the first candidate that has one. */
  #tryNext(): void {
    for (const candidate of this.#candidates) {
      const { method, attempts } = candidate;
      if (!this.#isAccepted(method)) continue;
      this.#state = { kind: "choosing", method };
      if (!attempts.begin()) continue;
      candidate.wasTried = true;
      return;
    }
    if (this.#options.asksAttempts) this.#askNext();
    else this.#giveUp();
  }

  /** Asks the application for the next attempt, which replaces the last one. */
  #askNext(): void {
    this.#dropCandidates();
    const { chosenAttempts } = this.#limits;
    // rule: chosen-attempts
    if (++this.#chosen > chosenAttempts) {
      this.#report.note(`no more than ${chosenAttempts} attempts are made (\`chosenAttempts\`)`);
      return this.#giveUp();
    }
    const token = askToken("next-attempt");
    this.#state = { kind: "undecided", token, answered: (answer) => this.#choose(answer) };
    const partialSuccess = this.#partialSuccess;
    this.#events.push({ type: "next-attempt", token, methods: this.#canContinue, partialSuccess });
    this.#partialSuccess = false;
  }

  #choose(answer: unknown): void {
    if (answer === undefined) return this.#giveUp();
    const { method, options } = (answer ?? {}) as Partial<ChosenAttempt>;
    if (typeof method?.start !== "function") throw invalidAnswer("nextLogin");
    const { loginMethods } = this.#options;
    if (method.messages.length > 0 && !loginMethods.some(({ name }) => name === method.name))
      throw new SshError("usage", `the login method ${method.name} must be in \`methods\``);
    if (this.#mayTry(method)) this.#candidates = [this.#candidate(method, { ...this.#options, ...options })];
    else this.#report.note(`${method.name} was not tried, because the server may be a false one`);
    this.#tryNext();
  }

  /** Returns whether this server may learn what the method sends. */
  #mayTry({ isSecretless = false }: ClientMethod): boolean {
    // rule: restricted-methods
    return isSecretless || this.#options.isRestricted !== true;
  }

  #candidate(method: ClientMethod, options: ClientLoginOptions): Candidate {
    return { method, attempts: method.start(this.#loginBy(method, options)), wasTried: false };
  }

  #dropCandidates(): void {
    for (const { attempts } of this.#candidates) for (const note of attempts.notes?.() ?? []) this.#report.note(note);
    this.#candidates = [];
  }

  #giveUp(): void {
    this.#dropCandidates();
    const error = this.#report.error(this.#canContinue ?? []);
    this.#finish({ type: "closed", error });
  }

  /** Returns whether to try the method: the server accepts it, as far as is known, or the application chose it. */
  #isAccepted({ name }: ClientMethod): boolean {
    return this.#options.asksAttempts === true || (this.#canContinue?.includes(name) ?? true);
  }

  /** Returns what `method` can do in this login. */
  #loginBy(method: ClientMethod, options: ClientLoginOptions): ClientLogin {
    const { userName } = options;
    const expectTurn = (): void => {
      if (!("method" in this.#state) || this.#state.method !== method) throw outOfTurn(method);
    };
    return {
      options,
      isChosen: this.#options.asksAttempts === true,
      limits: this.#limits,
      canContinue: () => this.#canContinue,
      serverSigAlgs: () => this.#serverSigAlgs,
      wasTried: (name) => this.#candidates.some((one) => one.method.name === name && one.wasTried),
      isDue: (name) =>
        this.#candidates.some((one) => one.method.name === name && !one.wasTried && this.#isAccepted(one.method)),
      request: (methodData, attempt, kind = "sent", methodName = method.name) => {
        expectTurn();
        this.#setContext(method);
        const request = { userName, serviceName: SERVICE_CONNECTION, methodName, methodData };
        this.#write(SSH_MSG_USERAUTH_REQUEST.encode(request));
        this.#state = { kind, method, attempt, userName };
      },
      send: (payload, attempt) => {
        expectTurn();
        this.#write(payload);
        this.#state = { kind: "sent", method, attempt, userName };
      },
      ask: (ask, answered) => {
        expectTurn();
        const token = askToken(ask.type);
        this.#events.push({ ...ask, method: method.name, token } as ClientAuthEvent);
        this.#state = { kind: "asked", method, token, answered };
      },
      show: (name, instruction) => this.#events.push({ type: "instruction", name, instruction }),
      note: (text) => this.#report.note(text),
      next: () => {
        expectTurn();
        this.#tryNext();
      },
    };
  }

  #write(payload: Uint8Array): void {
    const message: AwaitedMessage = { number: payload[0]!, sequenceNumber: undefined };
    this.#awaited = [...this.#awaited.slice(0, 1), message];
    this.#options.sink.write(payload, message);
  }

  #setContext(method: ClientMethod | undefined): void {
    const context = method?.messages.length ? method.name : undefined;
    if (context !== this.#context) this.#events.push({ type: "method", method: context });
    this.#context = context;
  }

  #finish(event: Extract<ClientAuthEvent, { type: "success" | "closed" }>): void {
    this.#state = { kind: "over" };
    this.#setContext(undefined);
    this.#events.push(event);
  }

  #nameOf(number: number): string | undefined {
    const { loginMethods } = this.#options;
    return messageName(number, { login: this.#context, loginMethods });
  }

  #unexpected(number: number | undefined): SshError {
    const state = this.#state;
    const name = number === undefined ? undefined : this.#nameOf(number);
    const what = `${name ?? "a message"} (${number ?? "empty"})`;
    const login = "method" in state ? state.method.name : "login";
    const when = this.#serviceAccepted
      ? `while the client's ${login} was ${state.kind}`
      : `before it accepted the service ${SERVICE_USERAUTH}`;
    return new SshError("unexpected-message", `the server sent ${what} ${when}`);
  }
}
