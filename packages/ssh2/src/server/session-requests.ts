import {
  envRequest,
  execRequest,
  ptyRequest,
  Reader,
  signalRequest,
  subsystemRequest,
  utf8DecodeLossy,
  windowChange,
} from "@nacre/wire";
import { TERMINAL_MODE } from "../constants.ts";

/** An event of a session for a request: its name, and the values after `accept` and `reject`. */
export interface SessionRequestEvent {
  readonly event: string;
  readonly values: readonly unknown[];
}

const NAMES_OF_MODES: ReadonlyMap<number, string> = /* @__PURE__ */ namesOfModes();

function namesOfModes(): ReadonlyMap<number, string> {
  return new Map(Object.entries(TERMINAL_MODE).map(([name, opcode]) => [opcode, name]));
}

/**
 * Returns the event of a request on a session (RFC 4254 §6), with ssh2's names and values; `undefined` for an unknown one. Throws
 * `malformed-message` for data that cannot be read.
 */
export function sessionRequestEvent(type: string, data: Uint8Array): SessionRequestEvent | undefined {
  switch (type) {
    case "env": {
      const { name, value } = envRequest.decode(data);
      return { event: "env", values: [{ key: name, val: value }] };
    }
    case "pty-req": {
      const { term, columns, rows, widthPixels, heightPixels, modes } = ptyRequest.decode(data);
      const info = { term, cols: columns, rows, width: widthPixels, height: heightPixels, modes: terminalModes(modes) };
      return { event: "pty", values: [info] };
    }
    case "window-change": {
      const { columns, rows, widthPixels, heightPixels } = windowChange.decode(data);
      return { event: type, values: [{ cols: columns, rows, width: widthPixels, height: heightPixels }] };
    }
    case "x11-req":
      return { event: "x11", values: [x11(data)] };
    case "signal":
      return { event: type, values: [{ name: signalRequest.decode(data).signalName }] };
    case "auth-agent-req@openssh.com":
      return { event: "auth-agent", values: [] };
    case "shell":
      return { event: type, values: [] };
    case "exec":
      return { event: type, values: [{ command: utf8DecodeLossy(execRequest.decode(data).command) }] };
    case "subsystem":
      return { event: type, values: [{ name: subsystemRequest.decode(data).name }] };
    default:
      return undefined;
  }
}

/** The cookie is a Buffer, as the bytes may be no text. */
function x11(data: Uint8Array): object {
  const reader = new Reader(data, "x11-req");
  return {
    single: reader.boolean("single connection"),
    protocol: reader.utf8("authentication protocol"),
    cookie: Buffer.from(reader.string("authentication cookie")),
    screen: reader.uint32("screen number"),
  };
}

/** Returns modes by name (RFC 4254 §8). Those without a name are left out; opcodes from 160 on end the list. */
function terminalModes(bytes: Uint8Array): Record<string, number> {
  const reader = new Reader(bytes, "terminal modes");
  const modes: Record<string, number> = {};
  while (reader.remaining > 0) {
    const opcode = reader.byte("opcode");
    if (opcode === TERMINAL_MODE.TTY_OP_END || opcode >= 160) break;
    const value = reader.uint32("value");
    const name = NAMES_OF_MODES.get(opcode);
    if (name !== undefined) modes[name] = value;
  }
  return modes;
}
