import {
  breakRequest,
  concatBytes,
  envRequest,
  escapeText,
  execRequest,
  ptyRequest,
  type SshError,
  signalRequest,
  subsystemRequest,
  utf8Encode,
  windowChange,
} from "@nacre/wire";
import { checkName, isBytes, usage } from "../../check.ts";
import { checkOptions, typeOf } from "../../options/schema.ts";
import type { EncodedRequest } from "../client/client-user.ts";
import {
  PTY_OPTIONS,
  type PtyOptions,
  REQUEST_OPTIONS,
  type SessionRequestOptions,
  type SpawnOptions,
} from "./options.ts";
import type { TerminalModes } from "./terminal-modes.ts";

/** Encoded terminal modes that leave all modes to the server: TTY_OP_END alone (RFC 4254 §8). */
const NO_MODES: Uint8Array = /* @__PURE__ */ Uint8Array.of(0);

/** Encodes terminal modes by name. `undefined` in a bundle without the names. */
type ModesEncoder = ((modes: TerminalModes) => Uint8Array) | undefined;

/**
 * Returns the requests that prepare and start a session. They are encoded before a channel is opened, so that a mistake opens no channel.
 * Throws `usage` for invalid options. `encodeModes` encodes terminal modes by name.
 */
export function startRequests(
  { env = {}, envMode, pty, requests = [] }: Pick<SpawnOptions, "env" | "envMode" | "pty" | "requests">,
  start: EncodedRequest,
  encodeModes: ModesEncoder,
): readonly EncodedRequest[] {
  const isInCommand = envMode === "command";
  if (isInCommand && start.type !== "exec")
    throw usage(`\`envMode: "command"\` needs a command, and a ${start.type} has none`);
  return [
    ...Object.entries(isInCommand ? {} : env).map(([name, value]) => ({
      type: "env",
      data: encodeEnv(name, value),
      wantReply: false,
    })),
    ...(pty ? [encodePty(pty === true ? {} : pty, encodeModes)] : []),
    ...requests.map(encodeRequest),
    start,
  ];
}

/**
 * Returns the data of "exec". With `envMode: "command"` the command sets the variables itself. Throws `usage` for an invalid command. A NUL
 * is invalid: it would end the command early, and sshd disconnects on it.
 */
export function encodeCommand(
  command: string | Uint8Array,
  { env = {}, envMode }: Pick<SpawnOptions, "env" | "envMode"> = {},
): Uint8Array {
  const bytes = toBytes(command, "the command");
  if (bytes.includes(0)) throw withNul("the command");
  const exports = envMode === "command" ? Object.entries(env).map(([name, value]) => exported(name, value)) : [];
  return execRequest.encode({ command: concatBytes(utf8Encode(exports.join("")), bytes) });
}

/** Returns the command of a POSIX shell that sets a variable. Throws `usage` for a name that the shell would not take as one. */
function exported(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw usage(`"${escapeText(name)}" is not the name of a shell variable; use letters, digits and _`);
  const quoted = checkText(value, variable(name)).replaceAll("'", "'\\''");
  return `export ${name}='${quoted}'; `;
}

const variable = (name: string): string => `the environment variable ${escapeText(name)}`;

/** Returns the data of "subsystem". Throws `usage` for an invalid name. */
export function encodeSubsystem(name: string): Uint8Array {
  return subsystemRequest.encode({ name: checkText(name, "the subsystem's name") });
}

/**
 * Returns the data of "signal". Removes a leading "SIG", which Node uses. Valid names are capital letters and digits, or `name@domain` (RFC
 * 4254 §6.10). Throws `usage` for other names.
 */
export function encodeSignal(name: string): Uint8Array {
  // Reject invalid names here: servers silently ignore them.
  if (!/^(?:[A-Z][A-Z0-9]*|[!-?A-~]+@[!-?A-~]+)$/.test(checkText(name, "the signal name")))
    throw usage(`invalid signal name "${escapeText(name)}"; expected one such as "TERM"`);
  return signalRequest.encode({ signalName: name.replace(/^SIG(?=[A-Z0-9]+$)/, "") });
}

/** Returns the data of "window-change". Throws `usage` for an invalid size in characters. */
export function encodeSize(columns: number, rows: number): Uint8Array {
  return windowChange.encode({ ...checkSize(columns, rows), widthPixels: 0, heightPixels: 0 });
}

/** Returns the data of "break". Throws `usage` for an invalid length in milliseconds. */
export function encodeBreak(breakLength: number): Uint8Array {
  return breakRequest.encode({ breakLength: checkNumber(breakLength, "the break length in milliseconds") });
}

/** Returns text as UTF-8, and bytes unchanged. `what` names the value, such as `"the command"`. Throws `usage` for other types. */
export function toBytes(value: string | Uint8Array, what: string): Uint8Array {
  if (typeof value === "string") return utf8Encode(value);
  if (isBytes(value)) return value;
  throw usage(`${what} must be a string or a Uint8Array, got ${typeOf(value)}`);
}

function encodeRequest(request: SessionRequestOptions): EncodedRequest {
  checkOptions(request, REQUEST_OPTIONS, "`requests`");
  const { type, data = new Uint8Array(0), wantReply = true } = request;
  checkName(type, "the type of a session request");
  if (!isBytes(data)) throw usage("the `data` of a session request must be a Uint8Array");
  return { type, data, wantReply };
}

function encodeEnv(name: string, value: string): Uint8Array {
  return envRequest.encode({
    name: checkText(name, "the name of an environment variable"),
    value: checkText(value, variable(name)),
  });
}

function encodePty(options: PtyOptions, encodeModes: ModesEncoder): EncodedRequest {
  checkOptions(options, PTY_OPTIONS, "`pty`");
  const { term = "xterm-256color", columns = 80, rows = 24, modes = NO_MODES, refused } = options;
  const data = ptyRequest.encode({
    term: checkText(term, "`pty.term`"),
    ...checkSize(columns, rows),
    widthPixels: 0,
    heightPixels: 0,
    modes: isBytes(modes) ? modes : encodeNamedModes(modes, encodeModes),
  });
  return { type: "pty-req", data, wantReply: true, refused };
}

function encodeNamedModes(modes: Readonly<Record<string, number>>, encode: ModesEncoder): Uint8Array {
  if (encode !== undefined) return encode(modes);
  throw usage("`pty.modes` must be encoded; pass `encodeTerminalModes(modes)`, an export of `nacre/core`");
}

function checkText(value: unknown, what: string): string {
  if (typeof value !== "string") throw usage(`${what} must be a string, got ${typeOf(value)}`);
  if (value.includes("\0")) throw withNul(what);
  return value;
}

function checkSize(columns: number, rows: number): { readonly columns: number; readonly rows: number } {
  return { columns: checkNumber(columns, "the number of columns"), rows: checkNumber(rows, "the number of rows") };
}

function checkNumber(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw usage(`${what} must be an integer from 0 to 4294967295, got ${String(value)}`);
}

function withNul(what: string): SshError {
  return usage(`${what} contains a NUL; remove it`);
}
