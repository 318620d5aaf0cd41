/// <reference types="node" />

import { Duplex, Readable, Writable } from "stream";

export type ChannelType = "session" | "sftp" | "direct-tcpip" | "direct-streamlocal@openssh.com";
export type ChannelSubType = "exec" | "shell";

/** A channel as a stream, which is its own `stdin` and `stdout`. */
export interface Channel extends Duplex {
  stdin: this;
  stdout: this;
  stderr: Writable | Readable;
  /** Whether this is the server's side. */
  server: boolean;
  type: ChannelType;
  subtype?: ChannelSubType;
  /** The state of the receiving direction. */
  incoming: unknown;
  /** The state of the sending direction. */
  outgoing: unknown;

  eof(): void;
  close(...args: any[]): void;
  destroy(): this;
  /** Tells the server the new size of the terminal: in characters, and in pixels. */
  setWindow(rows: number, cols: number, height: number, width: number): void;
  /** Sends a signal to the command. The name may begin with "SIG". */
  signal(signalName: string): void;
  /** Tells the client how the command ended. */
  exit(status: number): void;
  exit(signalName: string, coreDumped?: boolean, msg?: string): void;

  on(event: "close" | "end" | "eof", listener: () => void): this;
  on(event: string | symbol, listener: Function): this;
  once(event: "close" | "end" | "eof", listener: () => void): this;
  once(event: string | symbol, listener: Function): this;
}

/** The client's side of a channel. */
export interface ClientChannel extends Channel {
  stderr: Readable;
  server: false;

  on(event: "exit", listener: (code: number) => void): this;
  on(event: "exit", listener: (code: null, signal: string, dump: string, desc: string) => void): this;
  on(event: string | symbol, listener: Function): this;
  once(event: "exit", listener: (code: number) => void): this;
  once(event: "exit", listener: (code: null, signal: string, dump: string, desc: string) => void): this;
  once(event: string | symbol, listener: Function): this;
}

/** The server's side of a channel. */
export interface ServerChannel extends Channel {
  stderr: Writable;
  server: true;
}

export type AcceptConnection<T extends Channel = Channel> = () => T;
export type RejectConnection = () => void;
export type ClientCallback = (err: Error | undefined, channel: ClientChannel) => void;
export type ServerCallback = (err: Error | undefined, channel: ServerChannel) => void;
export type Callback = (err?: Error | null) => void;
export type ErrorCallback = (err: Error) => void;
