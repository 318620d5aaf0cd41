import { isPrivateKey } from "@nacre/keys/internal";
import {
  type ServerHostKey,
  ServerProtocol,
  type ServerProtocolEvent,
  type ServerProtocolOptions,
} from "@nacre/protocol";
import { type NegotiatedAlgorithms, transportSettings } from "@nacre/transport";
import { completeLimits, SshError } from "@nacre/wire";
import { checkOpen, usage } from "../../check.ts";
import { uncaught } from "../../mux/application-handlers.ts";
import type { Channel } from "../../mux/channel.ts";
import type { Duplex } from "../../mux/duplex.ts";
import { type Engine, reasonOf } from "../../mux/engine.ts";
import { Mux, type MuxSide } from "../../mux/mux.ts";
import { openChannel } from "../../mux/open-channel.ts";
import { onAbort } from "../../on-abort.ts";
import { withMinRsaBits } from "../../options/algorithms.ts";
import { offeredAlgorithms } from "../../options/offered-algorithms.ts";
import { platformRandom } from "../../random.ts";
import type { GrantedPermissions } from "../../users/permissions.ts";
import type { ServerConnection } from "../../users/server/server-connection.ts";
import type { AdmittedLogin, RequestRefused, ServerContext, ServerPart } from "../../users/server/server-user.ts";
import { SERVER_USERS, type UserEvent } from "../../users/server-users.ts";
import type { BaseSession, SessionMaker } from "../../users/session/base-session.ts";
import { madeTrace, quietly } from "../../watchers.ts";
import { chosenMethods, methodName } from "../chosen-methods.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { Logins } from "./logins.ts";
import type { ServerLoginMethod } from "./method.ts";
import {
  LOGIN_GRACE_TIME,
  type RemoteHostKey,
  type ServeOptions,
  type ServerConnectionEvent,
  type ServerEvent,
  type ServerLimits,
  type ServerProvider,
} from "./options.ts";

/** Longest timer in milliseconds (24 days). A longer one fires immediately. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The state of a connection. */
type State =
  | { readonly kind: "login"; readonly logins: Logins; readonly graceTimer: ReturnType<typeof setTimeout> | undefined }
  | { readonly kind: "admitted"; readonly client: Admitted }
  /** `client` is set if the login succeeded. */
  | { readonly kind: "over"; readonly client: Admitted | undefined };

/** A client that has logged in, and the parts of the users that its permissions grant. */
interface Admitted {
  readonly user: string;
  readonly parts: readonly ServerPart[];
}

/** One connection of a server, from login to end. Passes the asks of the protocol machine to the application. */
export class ServerDriver implements MuxSide<ServerProtocolEvent>, ServerConnection {
  readonly #options: ServeOptions<BaseSession> & ServerProvider;
  readonly #limits: ServerLimits;
  readonly #machine: ServerProtocol;
  /** Channels and global requests, with callbacks. */
  readonly mux: Mux<ServerProtocolEvent>;
  readonly #makeSession: SessionMaker;
  #state: State;
  /** Set while the server closes the connection. `timer` runs while sessions have grace time to end. */
  #closing: { readonly timer: ReturnType<typeof setTimeout> | undefined } | undefined;
  #clientVersion: string | undefined;
  #unwatch: (() => void) | undefined;

  constructor(duplex: Duplex, options: ServeOptions<BaseSession> & ServerProvider, makeSession: SessionMaker) {
    this.#options = options;
    this.#limits = completeLimits(SERVER_LIMITS, options.limits);
    this.#makeSession = makeSession;
    // Those of the option first, then others that a decision's `next` may name.
    const methods = [...chosenMethods(options.methods, options.loginMethods), ...options.loginMethods];
    this.#machine = new ServerProtocol(sessionOptions(options, methods, this.#limits));
    this.mux = new Mux<ServerProtocolEvent>(duplex, this.#machine, this);
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
    return this.#admitted?.user;
  }

  get clientVersion(): string | undefined {
    return this.#clientVersion;
  }

  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.#machine.negotiated;
  }

  get sessionCount(): number {
    return this.#parts.reduce((sum, { sessionCount = 0 }) => sum + sessionCount, 0);
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
    return openChannel(this.mux, channelType, data);
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

  get #engine(): Engine<ServerProtocolEvent> {
    return this.mux.engine;
  }

  get #admitted(): Admitted | undefined {
    return this.#state.kind === "login" ? undefined : this.#state.client;
  }

  get #parts(): readonly ServerPart[] {
    return this.#admitted?.parts ?? [];
  }

  get #isBusy(): boolean {
    return this.#parts.some(({ isBusy = false }) => isBusy);
  }

  #disconnect(): void {
    this.#engine.fail(new SshError("closed", "the connection was closed by this side"));
  }

  /** Handles an event of the protocol machine. The mux calls this and the next two methods. */
  event(event: ServerProtocolEvent): void {
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
      case "keys-complete":
        this.#tell({ type: "kex", initial: event.initial, negotiated: this.#machine.negotiated! });
        return;
      case "debug":
      case "disconnect":
        this.#tell(event);
        return;
      default:
        if ("method" in event && this.#state.kind === "login") this.#state.logins.onAsk(event);
    }
  }

  refused(request: string): void {
    this.#log({ type: "request-refused", session: undefined, request });
  }

  async closed(error: SshError): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "over", client: this.#admitted };
    clearTimeout(this.#closing?.timer);
    this.#unwatch?.();
    if (state.kind === "login") {
      clearTimeout(state.graceTimer);
      state.logins.closed();
    }
    this.#log({ type: "closed", error });
    if (state.kind === "admitted") await Promise.all(state.client.parts.map(async (part) => part.closed?.(error)));
  }

  #onAuthenticated({ userName: user, factors }: Extract<ServerProtocolEvent, { type: "authenticated" }>): void {
    if (this.#state.kind !== "login") return;
    const { logins, graceTimer } = this.#state;
    clearTimeout(graceTimer);
    const parts = this.#beginUsers(
      { user, factors, remoteAddress: this.#options.remoteAddress },
      logins.granted(factors),
    );
    // Drops the logins and the timer, to keep thousands of idle connections small.
    this.#state = { kind: "admitted", client: { user, parts } };
    this.#log({ type: "login", user, factors });
  }

  /** Begins the work of all users that the options and permissions allow, and passes them the client's channels and requests. */
  #beginUsers(login: AdmittedLogin, permissions: GrantedPermissions): readonly ServerPart[] {
    const { mux } = this;
    const context: ServerContext = {
      options: this.#options,
      limits: this.#limits,
      permissions,
      login,
      connection: this,
      mux,
      makeSession: this.#makeSession,
      sessionRequests: new Map(),
      isOpen: () => this.#closing === undefined,
      log: (event) => this.#log(event as UserEvent | RequestRefused),
      onSessionEnd: () => {
        if (this.#closing !== undefined && !this.#isBusy) this.#disconnect();
      },
    };
    const parts: ServerPart[] = [];
    for (const user of SERVER_USERS) {
      const part = user.isUsed(context.options) ? user.begin(context) : undefined;
      if (part === undefined) continue;
      parts.push(part);
      for (const [channelType, accept] of Object.entries(user.channels))
        mux.accept(channelType, (open) => accept(open, part));
      for (const [requestName, handle] of Object.entries(user.globalRequests))
        mux.onGlobalRequest(requestName, (request) => handle(request, part));
    }
    return parts;
  }

  #tell(event: ServerConnectionEvent): void {
    uncaught(() => this.#options.events?.(event));
  }

  #log(event: ServerEvent): void {
    try {
      this.#options.log?.(event);
    } catch {
      // A failing log must not end the connection.
    }
  }
}

function sessionOptions(
  options: ServeOptions<BaseSession> & ServerProvider,
  methods: readonly ServerLoginMethod[],
  limits: ServerLimits,
): ServerProtocolOptions {
  return {
    algorithms: offeredAlgorithms(options),
    random: options.random ?? platformRandom,
    hostKeys: options.hostKeys.map(
      (key): ServerHostKey => ({ publicKey: key.publicKey, ...(isPrivateKey(key) && { privateKey: key }) }),
    ),
    loginMethods: methods.map(({ method }) => method),
    methods: (options.methods ?? ["publickey"]).map(methodName),
    userKeys: withMinRsaBits(options.userKeys ?? options.algorithms.hostKeys, options.minRsaBits),
    authorityAlgorithms: options.authorityAlgorithms,
    ...(options.banner !== undefined && { banner: options.banner }),
    greeting: options.greeting,
    limits,
    extensions: SERVER_USERS.filter((user) => user.isUsed(options)).flatMap(({ extensions = [] }) => extensions),
    announceHostKeys: options.announceHostKeys,
    ...transportSettings(options),
    trace: madeTrace(options.trace),
    ...(options.keyLog && { keyLog: quietly(options.keyLog) }),
  };
}
