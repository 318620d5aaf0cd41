/// <reference types="node" />

import { EventEmitter } from "events";
import { NegotiatedAlgorithms } from "./algorithms";
import { AcceptConnection, Callback, ClientCallback, ClientChannel, RejectConnection } from "./channel";
import { ChangePasswordCallback, ConnectConfig, KeyboardInteractiveCallback, Prompt } from "./connect";
import { ParsedKey } from "./keys";
import { ClientSFTPCallback } from "./sftp";
import { PseudoTtyOptions } from "./terminal";

/** What an error of a client has beside its message. */
export interface ClientErrorExtensions {
  /** Part of the connection: "client-authentication", "client-socket", "client-timeout", "client-dns", "handshake", "protocol", "agent". */
  level?: string;
  description?: string;
  /** Number of the reason of a refused channel (RFC 4254 §5.1). */
  reason?: number;
  fatal?: boolean;
  /** Nacre's error, which has a stable `code`. */
  cause?: unknown;
}

export type ClientForwardCallback = (err: Error | undefined, port: number) => void;

export interface TcpConnectionDetails {
  srcIP: string;
  srcPort: number;
  destIP: string;
  destPort: number;
}

export interface UNIXConnectionDetails {
  socketPath: string;
}

export interface X11Details {
  srcIP: string;
  srcPort: number;
}

export interface X11Options {
  /** Whether to allow one connection only; default false. */
  single?: boolean;
  /** Number of the screen; default 0. */
  screen?: number;
  /** Default "MIT-MAGIC-COOKIE-1". */
  protocol?: string;
  /** Default a random one. */
  cookie?: Buffer | string;
}

export interface ShellOptions {
  /** Variables, which most servers accept only by name. */
  env?: NodeJS.ProcessEnv;
  /** Options of X11, or true for the defaults; a number requests nothing. */
  x11?: X11Options | number | boolean;
  /** Whether the server may use the agent of `connect`; default its option `agentForward`. */
  agentForward?: boolean;
}

export interface ExecOptions extends ShellOptions {
  /** A terminal; default none. */
  pty?: PseudoTtyOptions | boolean;
  /** Whether the channel stays open for reading after `end()`; default true. */
  allowHalfOpen?: boolean;
}

interface ClientEvents {
  connect: [];
  greeting: [greeting: string];
  banner: [message: string];
  handshake: [negotiated: NegotiatedAlgorithms];
  hostkeys: [keys: ParsedKey[]];
  ready: [];
  rekey: [];
  timeout: [];
  error: [err: Error & ClientErrorExtensions];
  end: [];
  close: [];
  "change password": [message: string, done: ChangePasswordCallback];
  "keyboard-interactive": [
    name: string,
    instructions: string,
    lang: string,
    prompts: Prompt[],
    finish: KeyboardInteractiveCallback,
  ];
  "tcp connection": [details: TcpConnectionDetails, accept: AcceptConnection<ClientChannel>, reject: RejectConnection];
  "unix connection": [info: UNIXConnectionDetails, accept: AcceptConnection, reject: RejectConnection];
  x11: [details: X11Details, accept: AcceptConnection<ClientChannel>, reject: RejectConnection];
}

/** A connection to an SSH server. */
export class Client extends EventEmitter {
  on<E extends keyof ClientEvents>(event: E, listener: (...values: ClientEvents[E]) => void): this;
  on(event: string | symbol, listener: (...values: any[]) => void): this;
  once<E extends keyof ClientEvents>(event: E, listener: (...values: ClientEvents[E]) => void): this;
  once(event: string | symbol, listener: (...values: any[]) => void): this;

  /** Connects and logs in. Throws if an option is invalid. */
  connect(config: ConnectConfig): this;
  /** Sends what is written, then closes the connection. */
  end(): this;
  /** Closes the socket. */
  destroy(): this;
  /** Switches Nagle's algorithm, which is off at first, on (false) or off (true). */
  setNoDelay(noDelay?: boolean): this;
  /** Exchanges keys again. Throws before `ready` and after the end. */
  rekey(callback?: () => void): this;

  /** Runs a command. */
  exec(command: string, options: ExecOptions, callback: ClientCallback): this;
  exec(command: string, callback: ClientCallback): this;
  /** Starts a shell in a terminal, or without one if `window` is false. */
  shell(window: PseudoTtyOptions | false, options: ShellOptions, callback: ClientCallback): this;
  shell(window: PseudoTtyOptions | false, callback: ClientCallback): this;
  shell(options: ShellOptions, callback: ClientCallback): this;
  shell(callback: ClientCallback): this;
  subsys(subsystem: string, callback: ClientCallback): this;
  sftp(callback: ClientSFTPCallback): this;
  /** Starts SFTP with variables, which the server must accept. */
  sftp(env: NodeJS.ProcessEnv, callback: ClientSFTPCallback): this;

  /** Opens a connection from the server to an address. */
  forwardOut(srcIP: string, srcPort: number, dstIP: string, dstPort: number, callback?: ClientCallback): this;
  /** Makes the server listen at an address. The port 0 is one of the server's choice. */
  forwardIn(remoteAddr: string, remotePort: number, callback?: ClientForwardCallback): this;
  unforwardIn(remoteAddr: string, remotePort: number, callback?: Callback): this;
  openssh_forwardOutStreamLocal(socketPath: string, cb?: ClientCallback): this;
  openssh_forwardInStreamLocal(socketPath: string, cb?: Callback): this;
  openssh_unforwardInStreamLocal(socketPath: string, cb?: Callback): this;
  /** Tells the server to refuse further sessions. */
  openssh_noMoreSessions(cb?: Callback): this;
}

export {};
