import { isPrivateKey } from "@nacre/keys/internal";
import { type ServerHostKey, ServerSession, type ServerSessionEvent, type ServerSessionOptions } from "@nacre/session";
import { type NegotiatedAlgorithms, transportSettings } from "@nacre/transport";
import { completeLimits, SshError } from "@nacre/wire";
import { checkOpen, usage } from "../check.ts";
import type { ServerForwards } from "../forward/server-forwards.ts";
import { chosenMethods, methodName, type ServerLoginMethod } from "../methods/method.ts";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";
import { type Engine, reasonOf } from "../mux/engine.ts";
import { Mux } from "../mux/mux.ts";
import { openChannel } from "../mux/open-channel.ts";
import { onAbort } from "../on-abort.ts";
import { platformRandom } from "../random.ts";
import type { BaseSession, SessionMaker } from "../session/base-session.ts";
import { type ServerSessions, sessionHandlers } from "../session/server-sessions.ts";
import { offeredAlgorithms } from "../wasm.ts";
import { madeTrace, quietly } from "../watchers.ts";
import { Admitted, type AdmittedContext, type AdmittedHost, type ServerSide } from "./admitted.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { Logins } from "./logins.ts";
import {
  LOGIN_GRACE_TIME,
  type RemoteHostKey,
  type ServeOptions,
  type ServerEvent,
  type ServerLimits,
  type ServerProvider,
} from "./options.ts";

/** Longest timer in milliseconds (24 days). A longer one fires immediately. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The state of a connection. */
type State<S extends BaseSession> =
  | { readonly kind: "login"; readonly logins: Logins; readonly graceTimer: ReturnType<typeof setTimeout> | undefined }
  | { readonly kind: "admitted"; readonly client: Admitted<S> }
  /** `client` is set if the login succeeded. */
  | { readonly kind: "over"; readonly client: Admitted<S> | undefined };

/** One connection of a server, from login to end. Passes the asks of the session machine to the application. */
export class ServerDriver<S extends BaseSession> implements ServerSide, AdmittedHost<S> {
  readonly #options: ServeOptions<S> & ServerProvider;
  readonly #limits: ServerLimits;
  readonly #machine: ServerSession;
  readonly #mux: Mux<ServerSessionEvent, ServerSide>;
  readonly #makeSession: SessionMaker<S>;
  #state: State<S>;
  /** Set while the server closes the connection. `timer` runs while sessions have grace time to end. */
  #closing: { readonly timer: ReturnType<typeof setTimeout> | undefined } | undefined;
  #clientVersion: string | undefined;
  #unwatch: (() => void) | undefined;

  constructor(duplex: Duplex, options: ServeOptions<S> & ServerProvider, makeSession: SessionMaker<S>) {
    this.#options = options;
    this.#limits = completeLimits(SERVER_LIMITS, options.limits);
    this.#makeSession = makeSession;
    // Those of the option first, then others that a decision's `next` may name.
    const methods = [...chosenMethods(options.methods, options.loginMethods), ...options.loginMethods];
    this.#machine = new ServerSession(sessionOptions(options, methods, this.#limits));
    this.#mux = new Mux<ServerSessionEvent, ServerSide>(duplex, this.#machine, this, sessionHandlers);
    const logins = new Logins({
      machine: this.#machine,
      engine: this.#engine,
      methods,
      authenticate: options.authenticate,
      fingerprint: options.fingerprint,
      remoteAddress: options.remoteAddress,
      log: (event) => this.#log(event),
    });
    this.#state = { kind: "login", logins, graceTimer: undefined };
  }

  get ended(): Promise<SshError> {
    return this.#engine.closed;
  }

  get user(): string | undefined {
    return this.#admitted?.login.user;
  }

  get clientVersion(): string | undefined {
    return this.#clientVersion;
  }

  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.#machine.negotiated;
  }

  get sessionCount(): number {
    return this.#admitted?.sessionCount ?? 0;
  }

  /** Sessions, for the session handlers; `undefined` before login, when the client has no permissions. */
  get sessions(): ServerSessions<S> | undefined {
    return this.#admitted?.sessions;
  }

  /** Forwards, for the forwarding handlers; `undefined` unless the login has the permission. */
  get forwards(): ServerForwards | undefined {
    return this.#admitted?.forwards;
  }

  start(): void {
    const { signal, loginGraceTime = LOGIN_GRACE_TIME } = this.#options;
    this.#engine.start();
    if (this.#state.kind !== "login") return;
    if (/* rule: login-grace-time */ loginGraceTime > 0) {
      const graceTimer = setTimeout(
        () => this.#engine.fail(new SshError("auth-timeout", `the client did not log in within ${loginGraceTime} ms`)),
        Math.min(loginGraceTime, LONGEST_TIMER),
      );
      this.#state = { ...this.#state, graceTimer };
    }
    if (signal !== undefined)
      this.#unwatch = onAbort(signal, () =>
        this.#engine.fail(new SshError("aborted", "serving the connection was aborted", { cause: signal.reason })),
      );
    this.#engine.turn();
  }

  async openChannel(channelType: string, data?: Uint8Array): Promise<Channel> {
    if (this.#state.kind === "login") throw usage("cannot open a channel before the client has logged in");
    checkOpen(channelType, data);
    return openChannel(this.#mux, channelType, data);
  }

  rekey(): void {
    this.#machine.rekey();
    this.#engine.touch();
  }

  async close({ grace = 0 }: { readonly grace?: number | undefined } = {}): Promise<void> {
    const maySessionsEnd = grace > 0 && this.#isBusy && this.#state.kind !== "over";
    const timer = maySessionsEnd ? setTimeout(() => this.#disconnect(), Math.min(grace, LONGEST_TIMER)) : undefined;
    clearTimeout(this.#closing?.timer);
    this.#closing = { timer };
    if (!maySessionsEnd) this.#disconnect();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #engine(): Engine<ServerSessionEvent> {
    return this.#mux.engine;
  }

  get #admitted(): Admitted<S> | undefined {
    return this.#state.kind === "login" ? undefined : this.#state.client;
  }

  get #isBusy(): boolean {
    return this.#admitted?.isBusy ?? false;
  }

  #disconnect(): void {
    this.#engine.fail(new SshError("closed", "the connection was closed by this side"));
  }

  /** Handles an event of the session machine. The mux calls this and the next two methods. */
  event(event: ServerSessionEvent): void {
    switch (event.type) {
      case "identified":
        this.#clientVersion = event.peerVersion;
        this.#log({ type: "identified", clientVersion: event.peerVersion });
        return;
      case "sign-exchange-hash": {
        const hostKey = this.#options.hostKeys.find(({ publicKey }) => publicKey === event.hostKey);
        this.#engine.ask(
          () => (hostKey as RemoteHostKey).sign(event.algorithm, event.data),
          (signature) => this.#machine.answerHostKeySignature(event.token, signature),
          (cause) =>
            this.#engine.fail(new SshError("internal", `cannot sign with the host key: ${reasonOf(cause)}`, { cause })),
        );
        return;
      }
      case "authenticated":
        this.#onAuthenticated(event);
        return;
      default:
        if ("method" in event && this.#state.kind === "login") this.#state.logins.onAsk(event);
      // New keys and debug messages need no action.
    }
  }

  /** Returns the context for sessions and forwards. */
  context(): AdmittedContext<S> {
    return {
      options: this.#options,
      limits: this.#limits,
      makeSession: this.#makeSession,
      connection: this,
      mux: this.#mux,
      isOpen: () => this.#closing === undefined,
      log: (event) => this.#log(event),
      onSessionEnd: () => {
        if (this.#closing !== undefined && !this.#isBusy) this.#disconnect();
      },
    };
  }

  refused(request: string): void {
    this.#log({ type: "request-refused", session: undefined, request });
  }

  closed(error: SshError): Promise<void> | undefined {
    const state = this.#state;
    this.#state = { kind: "over", client: this.#admitted };
    clearTimeout(this.#closing?.timer);
    this.#unwatch?.();
    if (state.kind === "login") {
      clearTimeout(state.graceTimer);
      state.logins.closed();
    }
    this.#log({ type: "closed", error });
    return state.kind === "admitted" ? state.client.closed(error) : undefined;
  }

  #onAuthenticated({ userName: user, factors }: Extract<ServerSessionEvent, { type: "authenticated" }>): void {
    if (this.#state.kind !== "login") return;
    const { logins, graceTimer } = this.#state;
    clearTimeout(graceTimer);
    const { remoteAddress } = this.#options;
    const client = new Admitted(this, { user, factors, remoteAddress }, logins.granted(factors));
    // Drops the logins and the timer, to keep thousands of idle connections small.
    this.#state = { kind: "admitted", client };
    this.#log({ type: "login", user, factors });
  }

  #log(event: ServerEvent): void {
    try {
      this.#options.log?.(event);
    } catch {
      // A failing log must not end the connection.
    }
  }
}

function sessionOptions<S>(
  options: ServeOptions<S> & ServerProvider,
  methods: readonly ServerLoginMethod[],
  limits: ServerLimits,
): ServerSessionOptions {
  return {
    algorithms: offeredAlgorithms(options),
    random: options.random ?? platformRandom,
    hostKeys: options.hostKeys.map(
      (key): ServerHostKey => ({ publicKey: key.publicKey, ...(isPrivateKey(key) && { privateKey: key }) }),
    ),
    loginMethods: methods.map(({ method }) => method),
    methods: (options.methods ?? ["publickey"]).map(methodName),
    userKeys: options.userKeys ?? options.algorithms.hostKeys,
    ...(options.banner !== undefined && { banner: options.banner }),
    limits,
    announceHostKeys: options.announceHostKeys,
    ...transportSettings(options),
    trace: madeTrace(options.trace),
    ...(options.keyLog && { keyLog: quietly(options.keyLog) }),
  };
}
