/// <reference types="node" />

import { EventEmitter } from "events";
import { Server as NetServer, Socket } from "net";
import { Algorithms, NegotiatedAlgorithms } from "./algorithms";
import { AuthContext } from "./auth-context";
import { AcceptConnection, ErrorCallback, RejectConnection, ServerCallback, ServerChannel } from "./channel";
import { DebugFunction } from "./connect";
import { PrivateKeys } from "./keys";
import { Session } from "./session";

/** The identification of a client. */
export interface Header {
  identRaw: string;
  versions: Versions;
  comments: string;
  greeting?: string;
}

export interface Versions {
  protocol: string;
  software: string;
}

export interface ClientInfo {
  ip: string;
  port: number;
  family: string;
  header: Header;
}

export interface ServerConfig {
  hostKeys: PrivateKeys;
  algorithms?: Algorithms;
  /** Text that is sent before the identification. */
  greeting?: string;
  /** Text that is sent before the login. */
  banner?: string;
  /** The software that the identification names. */
  ident?: string;
  /** No effect, as in ssh2. */
  highWaterMark?: number;
  keepaliveInterval?: number;
  keepaliveCountMax?: number;
  /** Limits of Nacre; see its README. */
  limits?: Partial<Record<string, number>>;
  debug?: DebugFunction;
}

export type ServerConnectionListener = (client: Connection, info: ClientInfo) => void;

/** A server. */
export class Server extends NetServer {
  /** Milliseconds between keepalives of a connection; default 15,000. */
  static KEEPALIVE_CLIENT_INTERVAL: number;
  /** Keepalives without a reply after which a connection ends; default 3. */
  static KEEPALIVE_CLIENT_COUNT_MAX: number;
  constructor(cfg: ServerConfig, listener?: ServerConnectionListener);
  /** Serves a socket that another server has accepted. */
  injectSocket(socket: Socket): void;
  on(event: "connection", listener: ServerConnectionListener): this;
  on(event: string | symbol, listener: Function): this;
  once(event: "connection", listener: ServerConnectionListener): this;
  once(event: string | symbol, listener: Function): this;
}

export interface TcpipRequestInfo {
  srcIP: string;
  srcPort: number;
  destIP: string;
  destPort: number;
}

export interface TcpipBindInfo {
  bindAddr: string;
  bindPort: number;
}

export interface SocketRequestInfo {
  socketPath: string;
}

export interface SocketBindInfo {
  socketPath: string;
}

/** Decides on a request to listen. With the port 0, `accept` takes the port that was chosen. Both are undefined if no reply is wanted. */
type TcpipForwardListener = (
  accept: ((chosenPort?: number) => void) | undefined,
  reject: (() => void) | undefined,
  name: "tcpip-forward" | "cancel-tcpip-forward",
  info: TcpipBindInfo,
) => void;
type StreamLocalForwardListener = (
  accept: (() => void) | undefined,
  reject: () => void,
  name: "streamlocal-forward@openssh.com" | "cancel-streamlocal-forward@openssh.com",
  info: SocketBindInfo,
) => void;

interface ConnectionEvents {
  authentication: [context: AuthContext];
  ready: [];
  session: [accept: AcceptConnection<Session>, reject: RejectConnection];
  tcpip: [accept: AcceptConnection<ServerChannel>, reject: RejectConnection, info: TcpipRequestInfo];
  "openssh.streamlocal": [accept: AcceptConnection<ServerChannel>, reject: RejectConnection, info: SocketRequestInfo];
  handshake: [negotiated: NegotiatedAlgorithms];
  greeting: [greeting: string];
  rekey: [];
  error: Parameters<ErrorCallback>;
  end: [];
  close: [];
}

/** A client's connection to a server. */
export interface Connection extends EventEmitter {
  authenticated: boolean;
  /** Whether the client has announced that it opens no more sessions. */
  noMoreSessions: boolean;

  on(event: "request", listener: TcpipForwardListener): this;
  on(event: "request", listener: StreamLocalForwardListener): this;
  on<E extends keyof ConnectionEvents>(event: E, listener: (...values: ConnectionEvents[E]) => void): this;
  on(event: string | symbol, listener: (...values: any[]) => void): this;
  once(event: "request", listener: TcpipForwardListener): this;
  once(event: "request", listener: StreamLocalForwardListener): this;
  once<E extends keyof ConnectionEvents>(event: E, listener: (...values: ConnectionEvents[E]) => void): this;
  once(event: string | symbol, listener: (...values: any[]) => void): this;

  end(): this;
  /** Exchanges keys again. */
  rekey(callback?: (error?: Error) => void): void;
  /** Passes on a connection that was made to an address where the client asked to listen. */
  forwardOut(
    boundAddr: string,
    boundPort: number,
    remoteAddr: string,
    remotePort: number,
    callback: ServerCallback,
  ): this;
  openssh_forwardOutStreamLocal(socketPath: string, callback: ServerCallback): this;
  x11(originAddr: string, originPort: number, channel: ServerCallback): this;
  /** Opens a channel to the client's agent. */
  openssh_authAgent(callback: ServerCallback): this;
  /** Switches Nagle's algorithm, which is off at first, on (false) or off (true). */
  setNoDelay(noDelay?: boolean): this;
}

export {};
