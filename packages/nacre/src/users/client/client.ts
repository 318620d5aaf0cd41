import type { Certificate } from "@nacre/keys/internal";
import type { NegotiatedAlgorithms } from "@nacre/transport";
import type { Bytes, SshError } from "@nacre/wire";
import { checkChannelType, checkData, checkHandlers, checkName, checkOpen, checkSignal, usage } from "../../check.ts";
import { callOpenHandler, callRequestHandler } from "../../mux/application-handlers.ts";
import type { Channel } from "../../mux/channel.ts";
import type { ChannelAcceptor, GlobalReply, GlobalRequestHandler } from "../../mux/mux.ts";
import { type Opener, openChannel } from "../../mux/open-channel.ts";
import { checkOptions, type OptionRows } from "../../options/schema.ts";
import type { EncodedRequest } from "./client-user.ts";

/** A host key for the application to accept or refuse. The server has proved that it holds the private key. */
export interface HostKey {
  /** Algorithm of the server's signature, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob (RFC 4253 §6.6): the plain key, also if it came in a certificate. Remember this one. */
  readonly blob: Bytes;
  /** `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /**
   * The certificate that the server presented, if any. Its authority's signature is verified, and nothing else: before you trust the
   * authority, ask `hostCertificateProblem` of `@nacre/keys`.
   */
  readonly certificate?: Certificate | undefined;
}

/** Facts about an authenticated connection. */
export interface ConnectionInfo {
  /** The server's identification string, such as `"SSH-2.0-OpenSSH_10.0"`. */
  readonly peerVersion: string;
  readonly negotiated: NegotiatedAlgorithms;
  readonly hostKey: HostKey;
}

/** Options for opening a session channel. */
export interface SessionOpenOptions {
  /** Aborts the call with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether to wait if the server refuses the session while others of this connection are open, as sshd does beyond `MaxSessions` (10 by
   * default there); default true. The call tries again when another session ends. After 60 seconds it fails with `channel-open-failed`.
   */
  readonly queue?: boolean | undefined;
}

/** Channel types that Nacre handles in a client itself: it opens sessions, and accepts the others only for its own listeners. */
export const CLIENT_CHANNELS = { session: true, "forwarded-tcpip": true, "forwarded-streamlocal@openssh.com": true };

export const SESSION_OPTIONS: OptionRows<SessionOpenOptions> = { signal: { check: checkSignal }, queue: "boolean" };

/** The channels and global requests of a client. `Mux` has those of one connection; with `reconnect` they outlive it. */
export interface ClientMux extends Opener {
  readonly engine: {
    /** The error that ended the client, set as soon as it ends or leaves. */
    readonly over: SshError | undefined;
    /** Sends pending output now. */
    turn(): void;
  };
  /** Lets the server open channels of a type. See `Mux`. */
  accept(channelType: string, acceptor: ChannelAcceptor): void;
  /** Handles the server's global requests of a name. See `Mux`. */
  onGlobalRequest(requestName: string, handler: GlobalRequestHandler): void;
  /** Sends a global request. See `Mux`. */
  globalRequest(requestName: string, data: Uint8Array, onReply?: (reply: GlobalReply) => void): void;
  /** Sends a granted request again on each later connection; only with `reconnect`. */
  keep?(request: KeptRequest): KeptHandle;
}

/** A global request that the server has granted, and that each later connection needs too: a listener on the server. */
export interface KeptRequest {
  readonly name: string;
  readonly data: Uint8Array;
  /** Address of the listener, for `onEvent`. */
  readonly address: {
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    readonly path?: string | undefined;
  };
  /** Called when a connection has ended that had it, or was asked for it. */
  onLost(): void;
}

/** Ends a kept request. Returns whether the server has it, so that it must be cancelled there. */
export type KeptHandle = () => boolean;

/** A connection that a client drives, after the login. */
export interface ClientDriver {
  readonly mux: ClientMux;
  /** Resolves with the reason when the connection has ended. Never rejects. */
  readonly ended: Promise<SshError>;
  /** Encodes terminal modes by name, if the program passed this code. */
  readonly encodeModes: ((modes: Readonly<Record<string, number>>) => Uint8Array) | undefined;
  /** Returns requests to send on a session right before those of its command. */
  sessionRequests(): readonly EncodedRequest[];
  /** Starts a key exchange now. */
  rekey(): void;
  /** Disconnects. Resolves when all resources are released. `reason` is the error of what is pending; default `closed`. */
  close(reason?: SshError): Promise<void>;
  /** Disconnects as `close` does, but first handles what the server still sends. See `Client.end`. */
  end(): Promise<void>;
}

/** Opens the session channels of a client. */
export interface SessionSource {
  /** Resolves with a session channel. The first is the one that was opened together with the login, if any. */
  open(options: SessionOpenOptions): Promise<Channel>;
}

/** A logged-in connection, ready to make a client. */
export interface LoggedIn {
  readonly driver: ClientDriver;
  readonly info: ConnectionInfo;
  readonly sessions: SessionSource;
  /** Host and port of the server for messages, if known. */
  readonly place?: string | undefined;
  /** Set on clients with `reconnect`. */
  readonly reconnection?: Reconnection | undefined;
}

/** Makes the connection of a client again when it is lost. */
export interface Reconnection {
  /**
   * Does `work`, and again on the next connection each time that it fails because a connection was lost, if `mayRepeat` returns true. Waits
   * for connections as long as the client lasts. Rejects with the last error of `work`, `aborted`, or the error that ended the client.
   */
  repeat<T>(work: () => Promise<T>, mayRepeat: () => boolean, signal: AbortSignal | undefined): Promise<T>;
}

/**
 * A logged-in SSH connection. Any number of commands and forwarded connections can share it. What it is used for are functions, such as
 * `exec(client, command)` and `dial(client, target)`. The clients of `nacre`, `@nacre/node` and `@nacre/web` have them as methods.
 */
export class Client implements AsyncDisposable {
  /**
   * Resolves with the error that ended the connection; its code is `closed` after `close()`. Never rejects. Later calls reject with a new
   * error that has the same code and culprit, and this error as `cause`.
   */
  readonly ended: Promise<SshError>;
  readonly #connection: LoggedIn;

  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn) {
    this.ended = connection.driver.ended;
    this.#connection = connection;
    connections.set(this, connection);
  }

  /** Server version, negotiated algorithms and host key; with `reconnect` those of the latest connection. */
  get info(): ConnectionInfo {
    return this.#connection.info;
  }

  /**
   * Opens a channel of any type (RFC 4254 §5.1). `data` is type-specific. Set the channel's `handler` to receive its events; until then
   * they are buffered, bounded by the window. Rejects with `channel-open-failed`, `channel-limit`, `usage` for an invalid type, or the
   * error that ended the connection.
   *
   * A channel of type "session" is the one that was opened with the login, unless a command uses it already. `options` apply to that type
   * alone.
   */
  async openChannel(channelType: string, data?: Uint8Array, options: SessionOpenOptions = {}): Promise<Channel> {
    checkOptions(options, SESSION_OPTIONS, "`openChannel`");
    if (channelType === "session" && data === undefined) return this.#connection.sessions.open(options);
    checkOpen(channelType, data);
    return openChannel(this.#connection.driver.mux, channelType, data);
  }

  /**
   * Lets the server open channels of a type from now on, as the option `channels` does from the login on. With `reconnect`, later
   * connections have the acceptor, too, soon after their login. Throws `usage` if the type has a handler already, and `host-key-changed`
   * after the verdict `"restricted"`.
   */
  accept(channelType: string, acceptor: ChannelAcceptor): void {
    checkChannelType(channelType);
    checkHandlers({ [channelType]: acceptor }, "accept", CLIENT_CHANNELS);
    this.#connection.driver.mux.accept(channelType, (open) => callOpenHandler(acceptor, open));
  }

  /**
   * Sends a global request (RFC 4254 §4). It wants a reply if `onReply` is given, which is called once: in the turn of the reply, before
   * events that follow it, or with the error that ended the connection. Throws `request-limit`, `usage`, or the error that ended the
   * connection. With `reconnect` it waits for a connection up to 30 seconds.
   */
  globalRequest(name: string, data: Uint8Array, onReply?: (reply: GlobalReply) => void): void {
    checkName(name, "a request name");
    checkData(data);
    if (onReply !== undefined) checkHandlers({ onReply }, "globalRequest", {});
    this.#connection.driver.mux.globalRequest(name, data, onReply);
  }

  /**
   * Handles the server's global requests of a name from now on; without a handler they are refused. Call `reply` of the request, now or
   * later. An exception refuses the request and is rethrown as an uncaught exception. Throws as `accept` does.
   */
  onGlobalRequest(name: string, handler: GlobalRequestHandler): void {
    checkName(name, "a request name");
    checkHandlers({ [name]: handler }, "onGlobalRequest", {});
    this.#connection.driver.mux.onGlobalRequest(name, (request) => callRequestHandler(handler, request));
  }

  /** Starts a key exchange now, before a rekey limit is reached. */
  rekey(): void {
    this.#connection.driver.rekey();
  }

  /**
   * Disconnects as `close` does, but first handles the replies, data and exit statuses that the server has already sent. Ends the direction
   * to the server (TCP's FIN), and closes when the server ends the other one, at most two seconds later. Nothing more is sent: new channels
   * and global requests fail, opens of the server get no answer, and what is written to open channels is dropped. Resolves as `close` does.
   */
  end(): Promise<void> {
    return this.#connection.driver.end();
  }

  /** Disconnects. Resolves when the connection and all its resources are released. Running commands fail with `closed`. */
  close(): Promise<void> {
    return this.#connection.driver.close();
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const connections: WeakMap<object, LoggedIn> = /* @__PURE__ */ new WeakMap();

/** Returns whether this is a client with `reconnect`. */
export function isReconnecting(client: object): boolean {
  return connections.get(client)?.reconnection !== undefined;
}

/** Returns the connection of a client, for the functions over clients. Throws `usage` for any other value. */
export function connectionOf(client: Client): LoggedIn {
  const connection = connections.get(client);
  if (connection === undefined) throw usage("the first argument must be a client, which `connect` returns");
  return connection;
}
