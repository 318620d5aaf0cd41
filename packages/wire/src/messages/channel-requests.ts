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

/** Fields of "pty-req" (RFC 4254 §6.2). A size of 0 is unknown. */
export interface PtyRequest {
  /** Value of the TERM environment variable: `"xterm-256color"`. */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** Encoded terminal modes (RFC 4254 §8). */
  readonly modes: Uint8Array;
}

/** Data of "pty-req", which requests a terminal (RFC 4254 §6.2). */
export const ptyRequest: Structure<PtyRequest> = /* @__PURE__ */ structure("pty-req", {
  term: utf8,
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
  modes: string,
});

/** Fields of "x11-req" (RFC 4254 §6.3.1). */
export interface X11Request {
  readonly singleConnection: boolean;
  readonly authenticationProtocol: string;
  readonly authenticationCookie: string;
  readonly screenNumber: number;
}

/** Data of "x11-req", which requests X11 forwarding (RFC 4254 §6.3.1). */
export const x11Request: Structure<X11Request> = /* @__PURE__ */ structure("x11-req", {
  singleConnection: boolean,
  authenticationProtocol: utf8,
  authenticationCookie: utf8,
  screenNumber: uint32,
});

/** Fields of "env" (RFC 4254 §6.4). */
export interface EnvRequest {
  readonly name: string;
  readonly value: string;
}

/** Data of "env", which sets an environment variable (RFC 4254 §6.4). */
export const envRequest: Structure<EnvRequest> = /* @__PURE__ */ structure("env", { name: utf8, value: utf8 });

/** Fields of "exec" (RFC 4254 §6.5). A command may contain any bytes, not only UTF-8. */
export interface ExecRequest {
  readonly command: Uint8Array;
}

/** Data of "exec", which runs a command (RFC 4254 §6.5). */
export const execRequest: Structure<ExecRequest> = /* @__PURE__ */ structure("exec", { command: string });

/** Fields of "subsystem" (RFC 4254 §6.5). */
export interface SubsystemRequest {
  readonly name: string;
}

/** Data of "subsystem", which starts a subsystem (RFC 4254 §6.5). */
export const subsystemRequest: Structure<SubsystemRequest> = /* @__PURE__ */ structure("subsystem", { name: utf8 });

/** Fields of "window-change" (RFC 4254 §6.7). A size of 0 is unknown. */
export interface WindowChange {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

/** Data of "window-change", which reports the new size of the terminal (RFC 4254 §6.7). */
export const windowChange: Structure<WindowChange> = /* @__PURE__ */ structure("window-change", {
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
});

/** Fields of "xon-xoff" (RFC 4254 §6.8). */
export interface XonXoff {
  readonly clientCanDo: boolean;
}

/** Data of "xon-xoff": whether the client may handle Control-S and Control-Q itself (RFC 4254 §6.8). */
export const xonXoff: Structure<XonXoff> = /* @__PURE__ */ structure("xon-xoff", { clientCanDo: boolean });

/** Fields of "signal" (RFC 4254 §6.9). */
export interface SignalRequest {
  /** Signal name without "SIG": `"TERM"`. */
  readonly signalName: string;
}

/** Data of "signal", which sends a signal to the remote process (RFC 4254 §6.9). */
export const signalRequest: Structure<SignalRequest> = /* @__PURE__ */ structure("signal", { signalName: name });

/** Fields of "break" (RFC 4335 §3). */
export interface BreakRequest {
  /** Length in milliseconds; 0 for the receiver's default. */
  readonly breakLength: number;
}

/** Data of "break", which sends a BREAK to the serial line or process (RFC 4335). */
export const breakRequest: Structure<BreakRequest> = /* @__PURE__ */ structure("break", { breakLength: uint32 });

/** Fields of "exit-status" (RFC 4254 §6.10). */
export interface ExitStatus {
  readonly exitStatus: number;
}

/** Data of "exit-status", which reports the exit status of the command (RFC 4254 §6.10). */
export const exitStatus: Structure<ExitStatus> = /* @__PURE__ */ structure("exit-status", { exitStatus: uint32 });

/** Fields of "exit-signal" (RFC 4254 §6.10). */
export interface ExitSignal {
  /** Signal name without "SIG": `"KILL"`. */
  readonly signalName: string;
  readonly coreDumped: boolean;
  /** Text for the user; escape it before display. */
  readonly errorMessage: string;
  readonly languageTag: string;
}

/** Data of "exit-signal", which reports the signal that terminated the command (RFC 4254 §6.10). */
export const exitSignal: Structure<ExitSignal> = /* @__PURE__ */ structure("exit-signal", {
  signalName: name,
  coreDumped: boolean,
  errorMessage: informing(text, ""),
  languageTag,
});
