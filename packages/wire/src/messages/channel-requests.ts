import {
  boolean,
  informing,
  languageTag,
  name,
  type Structure,
  string,
  structure,
  text,
  uint32,
  utf8,
} from "../structure.ts";

/** RFC 4254 §6.2, "pty-req". Sizes in characters and pixels; 0 where unknown. */
export interface PtyRequest {
  /** The TERM environment variable: `"xterm-256color"`. */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** Encoded terminal modes (RFC 4254 §8). */
  readonly modes: Uint8Array;
}

/** Data of "pty-req": requests a terminal (RFC 4254 §6.2). */
export const ptyRequest: Structure<PtyRequest> = structure("pty-req", {
  term: utf8,
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
  modes: string,
});

/** RFC 4254 §6.3.1, "x11-req". */
export interface X11Request {
  readonly singleConnection: boolean;
  readonly authenticationProtocol: string;
  readonly authenticationCookie: string;
  readonly screenNumber: number;
}

/** Data of "x11-req": requests X11 forwarding (RFC 4254 §6.3.1). */
export const x11Request: Structure<X11Request> = structure("x11-req", {
  singleConnection: boolean,
  authenticationProtocol: utf8,
  authenticationCookie: utf8,
  screenNumber: uint32,
});

/** RFC 4254 §6.4, "env". */
export interface EnvRequest {
  readonly name: string;
  readonly value: string;
}

/** Data of "env": sets an environment variable (RFC 4254 §6.4). */
export const envRequest: Structure<EnvRequest> = structure("env", { name: utf8, value: utf8 });

/** RFC 4254 §6.5, "exec". Commands need not be UTF-8. */
export interface ExecRequest {
  readonly command: Uint8Array;
}

/** Data of "exec": runs a command (RFC 4254 §6.5). */
export const execRequest: Structure<ExecRequest> = structure("exec", { command: string });

/** RFC 4254 §6.5, "subsystem". */
export interface SubsystemRequest {
  readonly name: string;
}

/** Data of "subsystem": starts a subsystem (RFC 4254 §6.5). */
export const subsystemRequest: Structure<SubsystemRequest> = structure("subsystem", { name: utf8 });

/** RFC 4254 §6.7, "window-change". */
export interface WindowChange {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

/** Data of "window-change": the new size of the terminal (RFC 4254 §6.7). */
export const windowChange: Structure<WindowChange> = structure("window-change", {
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
});

/** RFC 4254 §6.8, "xon-xoff". */
export interface XonXoff {
  readonly clientCanDo: boolean;
}

/** Data of "xon-xoff": whether the client may do flow control itself (RFC 4254 §6.8). */
export const xonXoff: Structure<XonXoff> = structure("xon-xoff", { clientCanDo: boolean });

/** RFC 4254 §6.9, "signal". */
export interface SignalRequest {
  /** Without "SIG": `"TERM"`. */
  readonly signalName: string;
}

/** Data of "signal": sends a signal to the remote process (RFC 4254 §6.9). */
export const signalRequest: Structure<SignalRequest> = structure("signal", { signalName: name });

/** RFC 4335 §3, "break". */
export interface BreakRequest {
  /** Milliseconds; 0 for the receiver's default. */
  readonly breakLength: number;
}

/** Data of "break": sends a break of that many milliseconds (RFC 4335). */
export const breakRequest: Structure<BreakRequest> = structure("break", { breakLength: uint32 });

/** RFC 4254 §6.10, "exit-status". */
export interface ExitStatus {
  readonly exitStatus: number;
}

/** Data of "exit-status": the status of a command that ended (RFC 4254 §6.10). */
export const exitStatus: Structure<ExitStatus> = structure("exit-status", { exitStatus: uint32 });

/** RFC 4254 §6.10, "exit-signal". */
export interface ExitSignal {
  /** Without "SIG": `"KILL"`. */
  readonly signalName: string;
  readonly coreDumped: boolean;
  /** For people; escape it before showing it. */
  readonly errorMessage: string;
  readonly languageTag: string;
}

/** Data of "exit-signal": the signal that ended a command (RFC 4254 §6.10). */
export const exitSignal: Structure<ExitSignal> = structure("exit-signal", {
  signalName: name,
  coreDumped: boolean,
  errorMessage: informing(text, ""),
  languageTag,
});
