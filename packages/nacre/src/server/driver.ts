import { isPrivateKey } from "@nacre/keys/parts";
import { type ServerHostKey, ServerSession, type ServerSessionEvent, type ServerSessionOptions } from "@nacre/session";
import { type NegotiatedAlgorithms, transportSettings } from "@nacre/transport";
import { completeLimits, SshError } from "@nacre/wire";
import { usage } from "../check.ts";
import type { Means } from "../client/options.ts";
import { type ForwardsHost, forwardHandlers, ServerForwards } from "../forward/server-forwards.ts";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";
import { type Engine, reasonOf } from "../mux/engine.ts";
import { Mux, type MuxSide } from "../mux/mux.ts";
import { openCheckedChannel } from "../mux/open-channel.ts";
import { platformRandom } from "../random.ts";
import type { BaseSession, SessionMaker } from "../session/base-session.ts";
import { ServerSessions, type SessionsHost, sessionHandlers } from "../session/server-sessions.ts";
import type { SessionContext } from "../session/session-channel.ts";
import { offeredAlgorithms } from "../wasm.ts";
import { watchers } from "../watchers.ts";
import { grantApplication } from "./application.ts";
import type { ServerConnection } from "./connection.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { Logins } from "./logins.ts";
import type { RemoteHostKey, ServeOptions, ServerEvent, ServerLimits } from "./options.ts";

const LOGIN_GRACE_TIME = 120_000;

/** Milliseconds, 24 days: a longer timer would go off at once. */
const LONGEST_TIMER = 0x7fff_ffff;

/** One connection of a server: its login, and its end. Hands the session's asks to the application. */
export class ServerDriver<S extends BaseSession>
  implements ServerConnection, MuxSide<ServerSessionEvent>, SessionsHost, ForwardsHost
{
  readonly #options: ServeOptions<S> & Means;
  readonly #limits: ServerLimits;
  readonly #session: ServerSession;
  readonly #mux: Mux<ServerSessionEvent, ServerDriver<S>>;
  /** Until somebody is in. */
  #logins: Logins | undefined;
  readonly #makeSession: SessionMaker<S>;
  /** Made when the client first opens one. */
  #sessions: ServerSessions<S> | undefined;
  /** Made when the client first asks for forwarding. */
  #forwards: ServerForwards | undefined;
  /** Who is in, and what they may do. */
  #admitted: Pick<SessionContext<S>, "login" | "permissions"> | undefined;
  #clientVersion: string | undefined;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #closing = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #onAbort: (() => void) | undefined;

  constructor(duplex: Duplex, options: ServeOptions<S> & Means, makeSession: SessionMaker<S>) {
    this.#options = options;
    this.#limits = completeLimits(SERVER_LIMITS, options.limits);
    this.#makeSession = makeSession;
    this.#session = new ServerSession(sessionOptions(options, this.#limits));
    this.#mux = new Mux<ServerSessionEvent, ServerDriver<S>>(duplex, this.#session, this, sessionHandlers);
    this.#logins = new Logins({
      session: this.#session,
      engine: this.#engine,
      authenticate: options.authenticate,
      fingerprint: options.fingerprint,
      remoteAddress: options.remoteAddress,
      log: (event) => this.#log(event),
    });
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
    return this.#session.negotiated;
  }

  get sessionCount(): number {
    return this.#sessions?.count ?? 0;
  }

  /** For the handlers of sessions. `undefined` before login: nobody may do anything without permissions. */
  get sessions(): ServerSessions<S> | undefined {
    if (this.#sessions === undefined && this.#admitted !== undefined) {
      const context: SessionContext<S> = {
        options: this.#options,
        limits: this.#limits,
        makeSession: this.#makeSession,
        connection: this,
        isOpen: () => !this.#closing,
        log: (event) => this.#log(event),
        ...this.#admitted,
      };
      this.#sessions = new ServerSessions(context, () => {
        if (this.#closing && !this.#isBusy) this.#goodbye();
      });
    }
    return this.#sessions;
  }

  /** For the handlers of forwarding. `undefined` unless the login was granted it. */
  get forwards(): ServerForwards | undefined {
    const { forwarding } = this.#options;
    const { login, permissions } = this.#admitted ?? {};
    if (this.#forwards !== undefined || forwarding === undefined || !permissions?.portForwarding) return this.#forwards;
    this.#forwards = new ServerForwards({
      forwarding,
      mux: this.#mux,
      connection: this,
      user: login!.user,
      permissions,
      limits: this.#limits,
      isOpen: () => !this.#closing,
      log: (event) => this.#log(event),
    });
    return this.#forwards;
  }

  start(): void {
    const { signal, loginGraceTime = LOGIN_GRACE_TIME } = this.#options;
    this.#engine.start();
    if (this.#engine.over !== undefined) return;
    if (/* rule: login-grace-time */ loginGraceTime > 0) {
      this.#graceTimer = setTimeout(
        () => this.#engine.fail(new SshError("auth-timeout", `the client has not logged in in ${loginGraceTime} ms`)),
        Math.min(loginGraceTime, LONGEST_TIMER),
      );
    }
    if (signal !== undefined) this.#obey(signal);
    this.#engine.turn();
  }

  async openChannel(channelType: string, data?: Uint8Array): Promise<Channel> {
    if (this.#admitted === undefined) throw usage("a server opens no channel before the client has logged in");
    return openCheckedChannel(this.#mux, channelType, data);
  }

  rekey(): void {
    this.#session.rekey();
    this.#engine.touch();
  }

  async close({ grace = 0 }: { readonly grace?: number | undefined } = {}): Promise<void> {
    this.#closing = true;
    if (grace <= 0 || !this.#isBusy) this.#goodbye();
    else if (this.#engine.over === undefined)
      this.#closeTimer ??= setTimeout(() => this.#goodbye(), Math.min(grace, LONGEST_TIMER));
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #engine(): Engine<ServerSessionEvent> {
    return this.#mux.engine;
  }

  get #isBusy(): boolean {
    return this.#sessions?.isBusy ?? false;
  }

  #obey(signal: AbortSignal): void {
    const onAbort = (): void =>
      this.#engine.fail(new SshError("aborted", "serving the connection was aborted", { cause: signal.reason }));
    if (signal.aborted) {
      onAbort();
    } else {
      signal.addEventListener("abort", onAbort);
      this.#onAbort = onAbort;
    }
  }

  #goodbye(): void {
    this.#engine.fail(new SshError("closed", "the connection was closed by the server"));
  }

  /** For the mux, as are the next two. */
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
          (signature) => this.#session.answerHostKeySignature(event.token, signature),
          (cause) =>
            this.#engine.fail(new SshError("internal", `the host key did not sign: ${reasonOf(cause)}`, { cause })),
        );
        return;
      }
      case "query":
      case "publickey":
      case "password":
      case "change-password":
      case "keyboard-interactive":
      case "responses":
        this.#logins?.onAsk(event);
        return;
      case "authenticated":
        this.#onAuthenticated(event);
        return;
      default:
      // New keys and debug texts are ignored.
    }
  }

  refused(request: string): void {
    this.#log({ type: "request-refused", session: undefined, request });
  }

  closed(error: SshError): Promise<void> | undefined {
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#closeTimer);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#logins?.closed();
    this.#log({ type: "closed", error });
    return this.#forwards?.closed(error);
  }

  #onAuthenticated({ userName: user, factors }: Extract<ServerSessionEvent, { type: "authenticated" }>): void {
    const logins = this.#logins;
    // Told once. Without what was granted nobody may do anything.
    if (logins === undefined) return;
    this.#admitted = {
      login: { user, factors, remoteAddress: this.#options.remoteAddress },
      permissions: logins.granted(factors),
    };
    clearTimeout(this.#graceTimer);
    // What has served its purpose is let go: thousands of connections may rest.
    this.#graceTimer = undefined;
    this.#logins = undefined;
    if (this.#options.forwarding !== undefined && this.#admitted.permissions.portForwarding)
      this.#mux.grant(forwardHandlers);
    grantApplication(this.#mux, this.#options, this.#admitted.permissions);
    this.#log({ type: "login", user, factors });
  }

  #log(event: ServerEvent): void {
    try {
      this.#options.log?.(event);
    } catch {
      // A log that fails must not end what it logs.
    }
  }
}

function sessionOptions<S>(options: ServeOptions<S> & Means, limits: ServerLimits): ServerSessionOptions {
  return {
    algorithms: offeredAlgorithms(options),
    random: options.random ?? platformRandom,
    hostKeys: options.hostKeys.map(
      (key): ServerHostKey => ({ publicKey: key.publicKey, ...(isPrivateKey(key) && { privateKey: key }) }),
    ),
    methods: options.methods ?? ["publickey"],
    userKeys: options.userKeys ?? options.algorithms.hostKeys,
    ...(options.banner !== undefined && { banner: options.banner }),
    limits,
    announceHostKeys: options.announceHostKeys,
    ...transportSettings(options),
    ...watchers(options),
  };
}
