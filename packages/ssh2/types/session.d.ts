import { AcceptConnection, RejectConnection, ServerChannel } from "./channel";
import { SFTPWrapper } from "./sftp";
import { PseudoTtyInfo, WindowChangeInfo } from "./terminal";

export type AcceptSftpConnection = () => SFTPWrapper;
export type SessionAccept = () => void;
export type SessionAcceptReject = () => void;

export interface X11Info {
  single: boolean;
  protocol: string;
  cookie: string;
  screen: number;
}

export interface SetEnvInfo {
  key: string;
  val: string;
}

export interface SignalInfo {
  name: string;
}

export interface ExecInfo {
  command: string;
}

export interface SubsystemInfo {
  name: string;
}

interface SessionEvents {
  pty: [accept: SessionAccept, reject: RejectConnection, info: PseudoTtyInfo];
  "window-change": [accept: SessionAccept, reject: RejectConnection, info: WindowChangeInfo];
  x11: [accept: SessionAccept, reject: RejectConnection, info: X11Info];
  env: [accept: SessionAccept, reject: RejectConnection, info: SetEnvInfo];
  signal: [accept: SessionAccept, reject: RejectConnection, info: SignalInfo];
  "auth-agent": [accept: SessionAccept, reject: RejectConnection];
  shell: [accept: AcceptConnection<ServerChannel>, reject: RejectConnection];
  exec: [accept: AcceptConnection<ServerChannel>, reject: RejectConnection, info: ExecInfo];
  sftp: [accept: AcceptSftpConnection, reject: RejectConnection];
  subsystem: [accept: AcceptConnection<ServerChannel>, reject: RejectConnection, info: SubsystemInfo];
}

/** A session of a client. A request without a listener is refused. `accept` and `reject` are undefined if no reply is wanted. */
export interface Session extends ServerChannel {
  on<E extends keyof SessionEvents>(event: E, listener: (...values: SessionEvents[E]) => void): this;
  on(event: string | symbol, listener: Function): this;
  once<E extends keyof SessionEvents>(event: E, listener: (...values: SessionEvents[E]) => void): this;
  once(event: string | symbol, listener: Function): this;
}

export {};
