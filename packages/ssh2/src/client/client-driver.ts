import type { Socket } from "node:net";
import type { Duplex as NodeDuplex } from "node:stream";
import { fingerprint, loadAlgorithms } from "@nacre/node";
import { type ClientUsers, CONNECT_OPTIONS, clientMethods, encodeTerminalModes, LoginDriver } from "nacre/extend";
import { callProgram, takeThrown } from "../call-program.ts";
import { type ConnectionMux, isWritable } from "../connection.ts";
import { type Ssh2Error, ssh2Error } from "../errors.ts";
import { type ConnectionEventsHost, emitConnectionEvent } from "./connection-events.ts";
import { debugTrace } from "./debug-lines.ts";
import { type HostKeyCheck, hostKeyCheck } from "./host-keys.ts";
import { Keepalive } from "./keepalive.ts";
import { Login, type LoginHost } from "./login.ts";
import { loginDefaults } from "./login-attempts.ts";
import type { ConnectSettings } from "./options.ts";
import { dial, duplexWithDelayedEnd, isConnecting, newSocket } from "./socket.ts";

/** Callbacks from a connection to its client. */
export interface ClientDriverOwner {
  /** Emits an event. Throws what a listener throws. */
  emit(event: string, ...values: readonly unknown[]): void;
  /** Whether the event has a listener. */
  hasListener(event: string): boolean;
  /** The server has identified itself. */
  identified(softwareVersion: string): void;
  /** Called after the login, to emit "ready". `connection` is what the users of a client's connection get. */
  ready(mux: ConnectionMux, connection: Parameters<ClientUsers["begin"]>[1]): void;
  /** Nothing can be opened any more. Called before the first of "error", "end" and "close". */
  broken(): void;
  /** "close" was emitted. */
  closed(): void;
}

/** Where a connection is in its life. */
type State =
  /** The socket is not connected yet. */
  | { readonly type: "connecting" }
  /** The socket is connected; the check of the host key and the algorithms load. */
  | { readonly type: "preparing" }
  | Running
  /** The server has ended its direction. */
  | {
      readonly type: "ended";
      readonly releaseEnd: (() => void) | undefined;
      readonly timer: ReturnType<typeof setTimeout>;
    }
  /** "close" was emitted, or is being emitted. */
  | { readonly type: "closed" };

/** The SSH protocol runs. */
interface Running {
  readonly type: "running";
  readonly driver: LoginDriver;
  readonly login: Login;
  /** Lets the byte connection report its end, and fails all calls. */
  readonly releaseEnd: () => void;
  /** Whether the server has identified itself. */
  isIdentified: boolean;
  /** Whether the protocol has failed. It closes the socket by itself. */
  hasFailed: boolean;
  keepalive: Keepalive | undefined;
}

/** One connection of a client: its socket, its login, its timers and its end. */
export class ClientDriver {
  readonly socket: NodeDuplex;
  readonly #settings: ConnectSettings;
  readonly #owner: ClientDriverOwner;
  readonly #prepared: Promise<HostKeyCheck>;
  #state: State = { type: "connecting" };
  /** Runs until "ready". */
  #readyTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether no error follows: one was emitted, the server has disconnected in order, or "close" is emitted. */
  #isSettled = false;
  /** Whether `end`, `destroy` or `abandon` was called. An error may still follow the first two. */
  #isLeaving = false;

  constructor(settings: ConnectSettings, owner: ClientDriverOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.socket = settings.sock ?? newSocket();
    takeThrown(this, (thrown) => this.thrown(thrown));
    this.#prepared = this.#prepare();
    // A rejection is reported when the socket has connected.
    this.#prepared.catch(() => {});
  }

  /** Ends the connection with what the program threw as its error. Returns false if the protocol does not run, or has failed before. */
  thrown(thrown: unknown): boolean {
    const running = this.#running;
    if (running === undefined || this.#isSettled) return false;
    running.hasFailed = true;
    this.#fail(thrown as Ssh2Error);
    void running.driver.close();
    return true;
  }

  /** Begins: connects the socket, unless the program passed one. */
  start(): void {
    const { socket } = this;
    const { config, sock, timeout } = this.#settings;
    socket
      .on("connect", () => this.#connected())
      // Not `#emit`: as in ssh2, an exception is one of the socket's listener, and the connection goes on.
      .on("timeout", () => this.#owner.emit("timeout"))
      .on("error", (error: Ssh2Error) => this.#socketFailed(error))
      .on("end", () => this.#ended())
      .on("close", () => this.#closed());
    if (sock === undefined) {
      this.#debug?.(`Client: Trying ${config.host} on port ${config.port} ...`);
      dial(socket as Socket, config, timeout, {
        dialling: () => this.#startTimer(),
        failed: (error) => {
          this.#fail(error);
          socket.destroy();
        },
      });
      return;
    }
    (sock as Partial<Socket>).setNoDelay?.(true);
    this.#startTimer();
    if (sock.destroyed)
      process.nextTick(() => {
        this.#state = { type: "preparing" };
        this.#closed();
      });
    else if (!isConnecting(sock)) this.#connected();
  }

  /** Disconnects. Input is handled until the server's FIN. */
  end(): void {
    const { socket } = this;
    const running = this.#running;
    if (!isWritable(socket) || running?.hasFailed === true) return;
    this.#isLeaving = true;
    if (running !== undefined && running.driver.mux.engine.over === undefined) void running.driver.end();
    else socket.end();
  }

  /** Whether `end`, `destroy` or `abandon` was called. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Begins a key exchange, if the login is over. */
  rekey(): void {
    this.#running?.driver.rekey();
  }

  destroy(): void {
    if (!isWritable(this.socket)) return;
    this.#isLeaving = true;
    this.socket.destroy();
  }

  /** Closes the socket and emits "close" now, without an error: the program has ended this connection. */
  abandon(): void {
    this.#isLeaving = true;
    this.#isSettled = true;
    this.socket.destroy();
    this.#closed();
  }

  async #prepare(): Promise<HostKeyCheck> {
    const { config, sock, algorithms, hostCertificates, hostKeys, hostVerifier, hostHash } = this.#settings;
    const [check] = await Promise.all([
      hostKeyCheck({
        host: String(config.host),
        port: config.port ?? 22,
        isStream: sock !== undefined,
        mode: hostKeys,
        hostVerifier: hostVerifier && ((key, answer) => callProgram(this, () => hostVerifier(key, answer))),
        hostHash,
        offered: algorithms.hostKeys,
        certificates: hostCertificates,
      }),
      loadAlgorithms(algorithms),
    ]);
    return check;
  }

  get #debug(): ((line: string) => void) | undefined {
    return this.#settings.config.debug;
  }

  #startTimer(): void {
    const { readyTimeout = 0 } = this.#settings.config;
    if (readyTimeout === 0) return;
    this.#readyTimer = setTimeout(() => {
      this.#fail(ssh2Error("Timed out while waiting for handshake", { level: "client-timeout" }));
      this.socket.destroy();
    }, readyTimeout);
  }

  #connected(): void {
    if (this.#state.type !== "connecting") return;
    this.#state = { type: "preparing" };
    this.#debug?.("Socket connected");
    this.#emit("connect");
    this.#prepared.then(
      (check) => this.#begin(check),
      (cause: unknown) => {
        this.#fail(cause instanceof Error ? cause : ssh2Error(String(cause)));
        this.socket.destroy();
      },
    );
  }

  #begin(hostKeys: HostKeyCheck): void {
    const { socket } = this;
    // The socket may have ended meanwhile.
    if (this.#state.type !== "preparing" || socket.destroyed) return;
    const { config, algorithms, limits, softwareVersion, minRsaBits } = this.#settings;
    const { duplex, releaseEnd } = duplexWithDelayedEnd(
      socket,
      () => this.#isLeaving && this.#running?.hasFailed !== true,
    );
    const owner = this.#owner;
    const defaults = loginDefaults(this.#settings, (event) =>
      owner.hasListener(event) ? (...values) => this.#emit(event, ...values) : undefined,
    );
    const login = new Login(defaults, config.authHandler, this.#loginHost());
    const events = this.#eventsHost();
    const driver = new LoginDriver(duplex, {
      user: config.username ?? "",
      hostKey: hostKeys.verify,
      nextLogin: login.next,
      events: (event) => emitConnectionEvent(event, events),
      algorithms: { ...algorithms, hostKeys: hostKeys.algorithms },
      limits,
      softwareVersion,
      minRsaBits,
      fingerprint,
      loginMethods: clientMethods,
      encodeModes: encodeTerminalModes,
      trace: this.#debug && debugTrace(this.#debug),
      users: this.#users(),
    });
    this.#state = {
      type: "running",
      driver,
      login,
      releaseEnd: () => {
        releaseEnd();
        // The socket may report its end later, but calls must fail after this "close", not after that of a later connection.
        void driver.close();
      },
      isIdentified: false,
      hasFailed: false,
      keepalive: undefined,
    };
    // With a command as a jump host, unread stderr would fill the channel's window.
    const { stderr } = socket as { readonly stderr?: { readonly resume?: unknown } };
    if (typeof stderr?.resume === "function") stderr.resume();
    // The event "failed" has reported a rejection.
    driver.start().catch(() => {});
    // `end` was called already. What the server says is read until its FIN, so that its greeting is an event.
    if (this.#isLeaving) void driver.end();
  }

  #loginHost(): LoginHost {
    return {
      debug: this.#debug,
      call: (call) => callProgram(this, call),
      error: (error) => this.#emit("error", error),
      failed: () => {
        this.#fail(ssh2Error("All configured authentication methods failed", { level: "client-authentication" }));
        this.end();
      },
    };
  }

  /** Begins what uses the connection, in the turn of the login. */
  #users(): ClientUsers {
    return {
      options: CONNECT_OPTIONS,
      check() {},
      begin: (_options, connection) => {
        clearTimeout(this.#readyTimer);
        const { keepaliveInterval = 0, keepaliveCountMax = 3 } = this.#settings.config;
        const { mux } = connection;
        const running = this.#running;
        if (running !== undefined && keepaliveInterval > 0)
          running.keepalive = new Keepalive(mux, {
            interval: keepaliveInterval,
            maxUnanswered: keepaliveCountMax,
            isWritable: () => isWritable(this.socket),
            lost: () => {
              this.#fail(ssh2Error("Keepalive timeout", { level: "client-timeout" }));
              this.socket.destroy();
            },
          });
        this.#owner.ready(mux, connection);
        return [];
      },
    };
  }

  #eventsHost(): ConnectionEventsHost {
    const owner = this.#owner;
    return {
      debug: this.#debug,
      emit: (event, ...values) => this.#emit(event, ...values),
      identified: (softwareVersion) => {
        if (this.#running !== undefined) this.#running.isIdentified = true;
        owner.identified(softwareVersion);
      },
      disconnected: () => {
        this.#isSettled = true;
      },
      fail: (error) => {
        const running = this.#running;
        if (running === undefined) return;
        running.hasFailed = true;
        this.#fail(error);
      },
    };
  }

  /** Emits the error that ends the connection, unless another did. */
  #fail(error: Ssh2Error): void {
    clearTimeout(this.#readyTimer);
    this.#running?.keepalive?.stop();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#owner.broken();
    this.#emit("error", error);
  }

  /** Emits an event. An exception of a listener must not keep back what follows. */
  #emit(event: string, ...values: readonly unknown[]): void {
    callProgram(this, () => this.#owner.emit(event, ...values));
  }

  #socketFailed(error: Ssh2Error): void {
    this.#debug?.(`Socket error: ${error.message}`);
    error.level = "client-socket";
    this.#fail(error);
  }

  #ended(): void {
    const { socket } = this;
    const { type } = this.#state;
    if (type === "ended" || type === "closed") return;
    this.#debug?.("Socket ended");
    const releaseEnd = this.#release();
    // Some streams do not close after `end()`.
    const timer = setTimeout(() => {
      socket.destroy();
      setImmediate(() => this.#closed());
    }, CLOSE_TIMEOUT);
    this.#state = { type: "ended", releaseEnd, timer };
    this.#emit("end");
    if (!socket.writableEnded) socket.end();
  }

  #closed(): void {
    if (this.#state.type === "closed") return;
    this.#debug?.("Socket closed");
    const releaseEnd = this.#release();
    this.#state = { type: "closed" };
    // The program expects no error after "close".
    this.#isSettled = true;
    this.#emit("close");
    releaseEnd?.();
    this.#owner.closed();
  }

  /** Stops what runs. A server that has not identified itself is an error. Returns what lets the byte connection report its end. */
  #release(): (() => void) | undefined {
    const state = this.#state;
    clearTimeout(this.#readyTimer);
    if (state.type === "ended") {
      clearTimeout(state.timer);
      return state.releaseEnd;
    }
    const running = this.#running;
    running?.keepalive?.stop();
    running?.login.stop();
    if (state.type !== "connecting" && running?.isIdentified !== true)
      this.#fail(Object.assign(ssh2Error("Connection lost before handshake", { level: "protocol" }), { fatal: true }));
    this.#owner.broken();
    return running?.releaseEnd;
  }

  get #running(): Running | undefined {
    return this.#state.type === "running" ? this.#state : undefined;
  }
}

/** Milliseconds that a stream has to close after its end. */
const CLOSE_TIMEOUT = 2000;
