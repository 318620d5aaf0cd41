import {
  type BreakRequest,
  breakRequest,
  type Empty,
  type EnvRequest,
  type ExecRequest,
  execRequest,
  type PtyRequest,
  ptyRequest,
  Reader,
  type SignalRequest,
  type Structure,
  type SubsystemRequest,
  signalRequest,
  structure,
  subsystemRequest,
  utf8Decode,
  type WindowChange,
  windowChange,
  x11Request,
} from "@nacre/wire";
import { decodeTerminalModes, type TerminalModes } from "./terminal-modes.ts";

/** A request that only clients send on a session (RFC 4254 §6.2–6.9, RFC 4335). */
export type SessionRequest =
  | ({ readonly type: "pty-req"; readonly modes: TerminalModes } & Omit<PtyRequest, "modes">)
  | { readonly type: "x11-req" }
  | ({ readonly type: "env" } & EnvRequest)
  | { readonly type: "shell" }
  | ({ readonly type: "exec" } & ExecRequest)
  | ({ readonly type: "subsystem" } & SubsystemRequest)
  | ({ readonly type: "window-change" } & WindowChange)
  | ({ readonly type: "signal" } & SignalRequest)
  | ({ readonly type: "break" } & BreakRequest)
  /** To be refused: only servers send it, or it holds text that is not UTF-8. */
  | { readonly type: "unfit" }
  /** A request that RFC 4254 does not define. */
  | { readonly type: "other" };

const shellRequest: Structure<Empty> = /* @__PURE__ */ structure<Empty>("shell", {});

/** Decodes a client's request on its session. Throws `malformed-message`. */
export function decodeSessionRequest(requestType: string, data: Uint8Array): SessionRequest {
  switch (requestType) {
    case "pty-req": {
      const pty = ptyRequest.decode(data);
      return { type: "pty-req", ...pty, modes: decodeTerminalModes(pty.modes) };
    }
    case "x11-req":
      x11Request.decode(data);
      return { type: "x11-req" };
    case "env": {
      const reader = new Reader(data, "env");
      const name = utf8Decode(reader.string("name"));
      const value = utf8Decode(reader.string("value"));
      reader.end();
      // Environment variables may hold bytes that are not UTF-8. The request is refused, but the connection stays.
      return name === undefined || value === undefined ? { type: "unfit" } : { type: "env", name, value };
    }
    case "shell":
      shellRequest.decode(data);
      return { type: "shell" };
    case "exec":
      return { type: "exec", ...execRequest.decode(data) };
    case "subsystem":
      return { type: "subsystem", ...subsystemRequest.decode(data) };
    case "window-change":
      return { type: "window-change", ...windowChange.decode(data) };
    case "signal":
      return { type: "signal", ...signalRequest.decode(data) };
    case "break":
      return { type: "break", ...breakRequest.decode(data) };
    case "exit-status":
    case "exit-signal":
    case "xon-xoff":
      return { type: "unfit" };
    default:
      return { type: "other" };
  }
}
