import type { PrivateKey } from "@nacre/keys/parts";
import {
  defaultLimits,
  type ServerHostKey,
  ServerSession,
  type ServerSessionEvent,
  type ServerSessionOptions,
} from "@nacre/session";
import type { NegotiatedAlgorithms } from "@nacre/transport";
import { CHANNEL_OPEN_FAILURE_REASON, type Overrides, SshError, withDefaults } from "@nacre/wire";
import type { Means } from "../client/options.ts";
import type { Duplex } from "../mux/duplex.ts";
import { Engine, reasonOf } from "../mux/engine.ts";
import { platformRandom } from "../random.ts";
import type { BaseSession, SessionMaker } from "../session/session-base.ts";
import { SessionChannel, type SessionContext } from "../session/session-channel.ts";
import { offeredAlgorithms } from "../wasm.ts";
import { watchers } from "../watchers.ts";
import { Logins } from "./logins.ts";
import type { RemoteHostKey, ServeOptions, ServerEvent, ServerLimits } from "./options.ts";

const LOGIN_GRACE_TIME = 120_000;

/** Milliseconds, 24 days: a longer timer would go off at once. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The default bounds of a server. */
export const defaultServerLimits: ServerLimits = {
  ...defaultLimits,
  maxSessions: 10,
  envVariables: 64,
  envLength: 32_768,
};

/** What of a server's bounds is not given is as it is by default. For any number of connections once. */
export function completeServerLimits(limits: Overrides<ServerLimits> | undefined): ServerLimits {
  return withDefaults(defaultServerLimits, limits);
}

/** The server's side of a connection, with one client. */
export interface ServerConnection extends AsyncDisposable {
  /** Resolves with the reason when the connection has ended and all it held is released. Never rejects. */
  readonly ended: Promise<SshError>;
  /** Who is logged in; `undefined` while nobody is. As the client sent it: escape it before showing it. */
  readonly user: string | undefined;
  /** The client's identification, `"SSH-2.0-OpenSSH_10.0"`, once it is known. */
  readonly clientVersion: string | undefined;
  /** What was agreed on, once it was. */
  readonly negotiated: NegotiatedAlgorithms | undefined;
  /** Sessions that are open. */
  readonly sessionCount: number;
  /** Agrees on new keys now, before a limit asks for it. Has no effect before login. */
  rekey(): void;
  /**
   * Says goodbye and resolves when all is released. Nothing new is begun from now on; sessions that run have `grace` milliseconds
   * to end, none by default. Handlers that still run then hear of it by their `signal`.
   */
  close(options?: { readonly grace?: number | undefined }): Promise<void>;
}

/** The server's part of a connection: asks the application what the session asks, and runs sessions. */
export class ServerDriver<S extends BaseSession> implements ServerConnection {
  readonly #options: ServeOptions<S> & Means;
  readonly #limits: ServerLimits;
  readonly #session: ServerSession;
  readonly #engine: Engine<ServerSessionEvent>;
  /** Until somebody is in. */
  #logins: Logins | undefined;
  readonly #makeSession: SessionMaker<S>;
  /** Few: `maxSessions` at most. */
  #sessions: readonly SessionChannel<S>[] = [];
  /** Handlers that still run though their channel is closed. */
  #lingering = 0;
  /** Who is in, and what they may do. */
  #admitted: Pick<SessionContext<S>, "login" | "permissions"> | undefined;
  #clientVersion: string | undefined;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #noMoreSessions = false;
  #closing = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #onAbort: (() => void) | undefined;

  constructor(duplex: Duplex, options: ServeOptions<S> & Means, makeSession: SessionMaker<S>) {
    this.#options = options;
    this.#limits = completeServerLimits(options.limits);
    this.#makeSession = makeSession;
    this.#session = new ServerSession(sessionOptions(options, this.#limits));
    this.#engine = new Engine(duplex, this.#session, {
      event: (event) => this.#onEvent(event),
      closed: (error) => this.#onClosed(error),
    });
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
    return this.#sessions.length;
  }

  start(): void {
    const { signal, loginGraceTime = LOGIN_GRACE_TIME } = this.#options;
    this.#engine.start();
    if (this.#engine.over !== undefined) return;
    if (loginGraceTime > 0) {
      this.#graceTimer = setTimeout(
        () => this.#engine.fail(new SshError("auth-timeout", `the client has not logged in in ${loginGraceTime} ms`)),
        Math.min(loginGraceTime, LONGEST_TIMER),
      );
    }
    if (signal !== undefined) this.#obey(signal);
    this.#engine.turn();
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

  /** Whether anything runs; a channel that was opened ahead, and nothing asked of it, does not. */
  get #isBusy(): boolean {
    return this.#sessions.some((session) => session.started);
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

  #onEvent(event: ServerSessionEvent): void {
    const { connection } = this.#session;
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
      case "open-request":
        this.#onOpen(event.token);
        return;
      case "env":
      case "pty-req":
      case "x11-req":
      case "exec":
      case "shell":
      case "subsystem":
      case "window-change":
      case "signal":
      case "break": {
        // The last one: a session that is over may still stand here when its number is another's.
        const session = this.#sessions.findLast(({ id }) => id === event.channel);
        const { granted, start } = session?.onRequest(event) ?? { granted: false };
        if (event.token !== undefined) connection.answerRequest(event.token, granted);
        start?.();
        return;
      }
      case "channel-request":
        // Without want_reply an unknown request only informs (RFC 4254 §5.4): ignoring it refuses nothing.
        if (event.token === undefined) return;
        this.#log({ type: "request-refused", session: event.channel, request: event.requestType });
        connection.answerRequest(event.token, false);
        return;
      case "global-request":
        // OpenSSH PROTOCOL §2.2: a client that will not share its connection gives up the right to more sessions.
        if (event.requestName === "no-more-sessions@openssh.com") this.#noMoreSessions = true;
        else if (event.token !== undefined)
          this.#log({ type: "request-refused", session: undefined, request: event.requestName });
        if (event.token !== undefined) connection.answerGlobal(event.token, false);
        return;
      default:
      // New keys and debug texts are of no concern to anybody; the rest goes to channels, or only a client hears of it.
    }
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
    this.#log({ type: "login", user, factors });
  }

  #onOpen(token: Extract<ServerSessionEvent, { type: "open-request" }>["token"]): void {
    const { connection } = this.#session;
    const { ADMINISTRATIVELY_PROHIBITED, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;
    const refuse = (reasonCode: number, description: string): void => {
      connection.answerOpen(token, { reasonCode, description });
      this.#log({ type: "request-refused", session: undefined, request: "session" });
    };
    if (this.#noMoreSessions || this.#closing) {
      refuse(ADMINISTRATIVELY_PROHIBITED, "no more sessions");
    } else if (Math.max(this.#sessions.length, this.#lingering) >= this.#limits.maxSessions) {
      refuse(RESOURCE_SHORTAGE, `${this.#limits.maxSessions} sessions are the most at once`);
    } else {
      const id = connection.answerOpen(token, true);
      if (id === undefined || this.#admitted === undefined) return;
      const channel = this.#engine.addChannel(id);
      const context: SessionContext<S> = {
        options: this.#options,
        limits: this.#limits,
        makeSession: this.#makeSession,
        isOpen: () => !this.#closing,
        log: (event) => this.#log(event),
        ...this.#admitted,
      };
      const session = new SessionChannel(context, channel);
      this.#sessions = [...this.#sessions, session];
      const over = (): void => {
        this.#sessions = this.#sessions.filter((one) => one !== session);
        const { handling } = session;
        if (handling !== undefined) {
          this.#lingering++;
          void handling.finally(() => this.#lingering--);
        }
        if (this.#closing && !this.#isBusy) this.#goodbye();
      };
      channel.exit.then(over, over);
    }
  }

  #onClosed(error: SshError): void {
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#closeTimer);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#logins?.closed();
    this.#log({ type: "closed", error });
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
      (key): ServerHostKey => ({ publicKey: key.publicKey, ...(!isRemote(key) && { privateKey: key }) }),
    ),
    methods: options.methods ?? ["publickey"],
    userKeys: options.userKeys ?? options.algorithms.hostKeys,
    ...(options.banner !== undefined && { banner: options.banner }),
    limits,
    announceHostKeys: options.announceHostKeys,
    ...(options.requireStrictKex !== undefined && { requireStrictKex: options.requireStrictKex }),
    ...watchers(options),
  };
}

function isRemote(key: PrivateKey | RemoteHostKey): key is RemoteHostKey {
  return !("fields" in key);
}
