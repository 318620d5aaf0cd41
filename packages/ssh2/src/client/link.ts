import type { Socket } from "node:net";
import type { Duplex as NodeDuplex } from "node:stream";
import { fingerprint, loadAlgorithms } from "@nacre/node";
import { DISCONNECT_REASON } from "@nacre/wire";
import {
  type ClientUsers,
  CONNECT_OPTIONS,
  type ConnectEvent,
  clientMethods,
  encodeTerminalModes,
  LoginDriver,
} from "nacre/extend";
import { negotiatedOf } from "../algorithms.ts";
import { type ConnectionMux, isWritable } from "../connection.ts";
import { connectionError, disconnectText } from "../connection-errors.ts";
import { type Ssh2Error, ssh2Error } from "../errors.ts";
import { debugEvent, debugTrace } from "./debug-lines.ts";
import { type HostKeyCheck, hostKeyCheck } from "./host-keys.ts";
import { Keepalive } from "./keepalive.ts";
import { Login, type LoginHost } from "./login.ts";
import type { LoginDefaults } from "./login-attempts.ts";
import type { ConnectSettings } from "./options.ts";
import { dial, heldDuplex, isConnecting, newSocket } from "./socket.ts";

/** Callbacks from a connection to its client. */
export interface LinkClient {
  /** Emits an event. An exception of a listener is rethrown as an uncaught one. */
  emit(event: string, ...values: readonly unknown[]): void;
  /** Whether the event has a listener. */
  hears(event: string): boolean;
  /** The server has identified itself. */
  identified(softwareVersion: string): void;
  /** Called after the login, to emit "ready". `connection` is what the users of a client's connection get. */
  ready(mux: ConnectionMux, connection: Parameters<ClientUsers["begin"]>[1]): void;
  /** Nothing can be opened any more. Called before the first of "error", "end" and "close". */
  broken(): void;
  /** "close" was emitted. */
  closed(): void;
}

/** One connection of a client: its socket, its login, its timers and its end. */
export class Link {
  readonly socket: NodeDuplex;
  readonly #settings: ConnectSettings;
  readonly #client: LinkClient;
  readonly #prepared: Promise<HostKeyCheck>;
  #driver: LoginDriver | undefined;
  #readyTimer: ReturnType<typeof setTimeout> | undefined;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  #keepalive: Keepalive | undefined;
  #login: Login | undefined;
  /** Lets the byte connection report its end. */
  #over: (() => void) | undefined;
  #isConnected = false;
  #isReady = false;
  #isIdentified = false;
  /** Whether an error has ended the connection, or `end` or `destroy` has. */
  #isFailed = false;
  #isLeaving = false;
  #isEnded = false;
  #isClosed = false;

  constructor(settings: ConnectSettings, client: LinkClient) {
    this.#settings = settings;
    this.#client = client;
    this.socket = settings.sock ?? newSocket();
    this.#prepared = this.#prepare();
    // A rejection is reported when the socket has connected.
    this.#prepared.catch(() => {});
  }

  /** Whether "close" was emitted. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Begins: connects the socket, unless the program passed one. */
  start(): void {
    const { socket } = this;
    const { config, sock, timeout } = this.#settings;
    socket
      .on("connect", () => this.#connected())
      .on("timeout", () => this.#client.emit("timeout"))
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
        this.#isConnected = true;
        this.#closed();
      });
    else if (!isConnecting(sock)) this.#connected();
  }

  /** Disconnects. Input is handled until the server's FIN. */
  end(): void {
    const { socket } = this;
    if (!isWritable(socket)) return;
    this.#isLeaving = true;
    const driver = this.#driver;
    if (driver !== undefined && driver.mux.engine.over === undefined) {
      void driver.end();
      return;
    }
    socket.end();
  }

  /** Begins a key exchange, if the login is over. */
  rekey(): void {
    if (this.#isReady) this.#driver?.rekey();
  }

  destroy(): void {
    if (!isWritable(this.socket)) return;
    this.#isLeaving = true;
    this.socket.destroy();
  }

  /** Fails all calls that wait for this connection. Called while "close" is emitted. */
  finish(): void {
    const over = this.#over;
    this.#over = undefined;
    over?.();
  }

  async #prepare(): Promise<HostKeyCheck> {
    const { config, sock, algorithms, hostCertificates, hostKeys, hostVerifier, hostHash } = this.#settings;
    const [check] = await Promise.all([
      hostKeyCheck({
        host: String(config.host),
        port: config.port ?? 22,
        isStream: sock !== undefined,
        mode: hostKeys,
        hostVerifier,
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
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#debug?.("Socket connected");
    this.#client.emit("connect");
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
    if (socket.destroyed) return;
    const { config, algorithms, limits, softwareVersion, minRsaBits } = this.#settings;
    const { duplex, over } = heldDuplex(socket, () => this.#isLeaving);
    this.#over = over;
    const login = new Login(this.#loginDefaults(), config.authHandler, this.#loginHost());
    this.#login = login;
    const driver = new LoginDriver(duplex, {
      user: config.username ?? "",
      hostKey: hostKeys.verify,
      nextLogin: login.next,
      events: (event) => this.#onEvent(event),
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
    this.#driver = driver;
    // With a command as a jump host, unread stderr would fill the channel's window.
    const { stderr } = socket as { readonly stderr?: { readonly resume?: unknown } };
    if (typeof stderr?.resume === "function") stderr.resume();
    // The event "failed" has reported a rejection.
    driver.start().catch(() => {});
    // `end` was called already. What the server says is read until its FIN, so that its greeting is an event.
    if (this.#isLeaving) void driver.end();
  }

  #loginDefaults(): LoginDefaults {
    const { config, privateKey } = this.#settings;
    const { username = "", password, agent, tryKeyboard = false, localHostname, localUsername } = config;
    const client = this.#client;
    const emitter =
      (event: string) =>
      (...values: readonly unknown[]): void =>
        client.emit(event, ...values);
    return {
      username,
      password,
      privateKey,
      agent,
      tryKeyboard,
      localHostname,
      localUsername,
      prompt: () => (client.hears("keyboard-interactive") ? emitter("keyboard-interactive") : undefined),
      changePassword: () => (client.hears("change password") ? emitter("change password") : undefined),
    };
  }

  #loginHost(): LoginHost {
    return {
      debug: this.#debug,
      error: (error) => this.#client.emit("error", error),
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
        if (keepaliveInterval > 0)
          this.#keepalive = new Keepalive(mux, {
            interval: keepaliveInterval,
            most: keepaliveCountMax,
            isWritable: () => isWritable(this.socket),
            lost: () => {
              this.#fail(ssh2Error("Keepalive timeout", { level: "client-timeout" }));
              this.socket.destroy();
            },
          });
        this.#isReady = true;
        this.#client.ready(mux, connection);
        return [];
      },
    };
  }

  #onEvent(event: ConnectEvent): void {
    const client = this.#client;
    const negotiated = event.type === "kex" ? negotiatedOf(event.negotiated) : undefined;
    if (this.#debug) debugEvent(this.#debug, event, negotiated);
    switch (event.type) {
      case "identified": {
        this.#isIdentified = true;
        const software = /^SSH-[^-]*-(\S*)/.exec(event.peerVersion)?.[1] ?? "";
        client.identified(software);
        if (event.linesBefore.length > 0)
          client.emit("greeting", event.linesBefore.map((line) => `${line}\r\n`).join(""));
        return;
      }
      case "kex":
        client.emit("handshake", negotiated);
        if (!event.initial) client.emit("rekey");
        return;
      case "banner":
        client.emit("banner", event.message);
        return;
      case "disconnect": {
        const { reasonCode, description } = event;
        // As in ssh2, the server's normal end is not an error.
        if (reasonCode === DISCONNECT_REASON.BY_APPLICATION) this.#isFailed = true;
        else this.#fail(ssh2Error(disconnectText(reasonCode, description), { code: reasonCode }));
        return;
      }
      case "failed":
        // A lost connection is reported by the socket's events, as in ssh2.
        if (!this.#isEnded && !this.#isClosed && event.error.code !== "connection-lost")
          this.#fail(connectionError(event.error));
        return;
      case "debug":
      case "instruction":
    }
  }

  /** Emits the error that ends the connection, unless another did. */
  #fail(error: Ssh2Error): void {
    clearTimeout(this.#readyTimer);
    this.#keepalive?.stop();
    if (this.#isFailed) return;
    this.#isFailed = true;
    this.#client.broken();
    this.#client.emit("error", error);
  }

  #socketFailed(error: Ssh2Error): void {
    this.#debug?.(`Socket error: ${error.message}`);
    error.level = "client-socket";
    this.#fail(error);
  }

  #ended(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#debug?.("Socket ended");
    this.#release();
    this.#client.emit("end");
    const { socket } = this;
    if (!socket.writableEnded) socket.end();
    // Some streams do not close after `end()`.
    this.#endTimer = setTimeout(() => {
      socket.destroy();
      setImmediate(() => this.#closed());
    }, CLOSE_TIMEOUT);
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#endTimer);
    this.#debug?.("Socket closed");
    this.#release();
    // The program expects no error after "close".
    this.#isFailed = true;
    this.#client.emit("close");
    this.finish();
    this.#client.closed();
  }

  /** Stops the timers. A server that has not identified itself is an error. */
  #release(): void {
    clearTimeout(this.#readyTimer);
    this.#keepalive?.stop();
    this.#login?.stop();
    if (this.#isConnected && !this.#isIdentified)
      this.#fail(Object.assign(ssh2Error("Connection lost before handshake", { level: "protocol" }), { fatal: true }));
    this.#client.broken();
  }
}

/** Milliseconds that a stream has to close after its end. */
const CLOSE_TIMEOUT = 2000;
