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

export const envRequest: Structure<EnvRequest> = structure("env", { name: utf8, value: utf8 });

/** RFC 4254 §6.5, "exec". Commands need not be UTF-8. */
export interface ExecRequest {
  readonly command: Uint8Array;
}

export const execRequest: Structure<ExecRequest> = structure("exec", { command: string });

/** RFC 4254 §6.5, "subsystem". */
export interface SubsystemRequest {
  readonly name: string;
}

export const subsystemRequest: Structure<SubsystemRequest> = structure("subsystem", { name: utf8 });

/** RFC 4254 §6.7, "window-change". */
export interface WindowChange {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

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

export const xonXoff: Structure<XonXoff> = structure("xon-xoff", { clientCanDo: boolean });

/** RFC 4254 §6.9, "signal". */
export interface SignalRequest {
  /** Without "SIG": `"TERM"`. */
  readonly signalName: string;
}

export const signalRequest: Structure<SignalRequest> = structure("signal", { signalName: name });

/** RFC 4335 §3, "break". */
export interface BreakRequest {
  /** Milliseconds; 0 for the receiver's default. */
  readonly breakLength: number;
}

export const breakRequest: Structure<BreakRequest> = structure("break", { breakLength: uint32 });

/** RFC 4254 §6.10, "exit-status". */
export interface ExitStatus {
  readonly exitStatus: number;
}

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

export const exitSignal: Structure<ExitSignal> = structure("exit-signal", {
  signalName: name,
  coreDumped: boolean,
  errorMessage: informing(text, ""),
  languageTag,
});
