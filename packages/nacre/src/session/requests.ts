import { encodeTerminalModes } from "@nacre/connection";
import {
  breakRequest,
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
import { checkName, isBytes, usage } from "../check.ts";
import type { PtyOptions, SessionRequestOptions, SpawnOptions } from "../client/options.ts";
import { checkNames, PTY_OPTIONS } from "../option-names.ts";

/** A channel request as it is sent. */
export interface EncodedRequest {
  readonly type: string;
  readonly data: Uint8Array;
  readonly wantReply: boolean;
}

/** What prepares a session, and what then starts in it: encoded before a channel is opened, so that a mistake costs none. Throws `usage`. */
export function startRequests(
  { env, pty, requests = [] }: Pick<SpawnOptions, "env" | "pty" | "requests">,
  type: "exec" | "shell" | "subsystem",
  data: Uint8Array,
): readonly EncodedRequest[] {
  return [
    ...Object.entries(env ?? {}).map(([name, value]) => ({
      type: "env",
      data: encodeEnv(name, value),
      wantReply: false,
    })),
    ...(pty ? [{ type: "pty-req", data: encodePty(pty === true ? {} : pty), wantReply: true }] : []),
    ...requests.map(encodeRequest),
    { type, data, wantReply: true },
  ];
}

/** Data of "exec". Throws `usage` if the command is invalid: a NUL would end it early, and sshd disconnects on one. */
export function encodeCommand(command: string | Uint8Array): Uint8Array {
  const bytes = toBytes(command, "the command");
  if (bytes.includes(0)) throw withNul("the command");
  return execRequest.encode({ command: bytes });
}

/** Data of "subsystem". Throws `usage` if the name is invalid. */
export function encodeSubsystem(name: string): Uint8Array {
  return subsystemRequest.encode({ name: checkText(name, "the subsystem's name") });
}

/**
 * Data of "signal". A leading "SIG", as Node writes signals, is removed. Throws `usage` if the name is invalid (RFC 4254 §6.10). Valid:
 * capital letters and digits, or `name@domain`.
 */
export function encodeSignal(name: string): Uint8Array {
  // Servers drop what they do not know in silence.
  if (!/^(?:[A-Z][A-Z0-9]*|[!-?A-~]+@[!-?A-~]+)$/.test(checkText(name, "the name of a signal")))
    throw usage(`"${escapeText(name)}" is no name of a signal: write "TERM", or "SIGTERM"`);
  return signalRequest.encode({ signalName: name.replace(/^SIG(?=[A-Z0-9]+$)/, "") });
}

/** Data of "window-change". Throws `usage` if the size in characters is invalid. */
export function encodeSize(columns: number, rows: number): Uint8Array {
  return windowChange.encode({ ...checkSize(columns, rows), widthPixels: 0, heightPixels: 0 });
}

/** Data of "break". Throws `usage` if the length in milliseconds is invalid. */
export function encodeBreak(breakLength: number): Uint8Array {
  return breakRequest.encode({ breakLength: checkNumber(breakLength, "the length of a break, in milliseconds,") });
}

/** Text as UTF-8, bytes as they are. Throws `usage` for anything else. `what` it is: `"the command"`. */
export function toBytes(value: string | Uint8Array, what: string): Uint8Array {
  if (typeof value === "string") return utf8Encode(value);
  if (isBytes(value)) return value;
  throw usage(`${what} must be text or bytes (a Uint8Array), not ${kindOf(value)}`);
}

function encodeRequest({ type, data = new Uint8Array(0), wantReply = true }: SessionRequestOptions): EncodedRequest {
  checkName(type, "the type of a session request");
  if (!isBytes(data)) throw usage("the data of a session request must be bytes (a Uint8Array)");
  return { type, data, wantReply };
}

function encodeEnv(name: string, value: string): Uint8Array {
  const what = `the environment variable ${escapeText(name)}`;
  return envRequest.encode({ name: checkText(name, "a variable's name"), value: checkText(value, what) });
}

function encodePty(options: PtyOptions): Uint8Array {
  checkNames(options, PTY_OPTIONS, "pty");
  const { term = "xterm-256color", columns = 80, rows = 24, modes = {} } = options;
  return ptyRequest.encode({
    term: checkText(term, "pty.term"),
    ...checkSize(columns, rows),
    widthPixels: 0,
    heightPixels: 0,
    modes: encodeTerminalModes(modes),
  });
}

function checkText(value: unknown, what: string): string {
  if (typeof value !== "string") throw usage(`${what} must be text, not ${kindOf(value)}`);
  if (value.includes("\0")) throw withNul(what);
  return value;
}

function checkSize(columns: number, rows: number): { readonly columns: number; readonly rows: number } {
  return { columns: checkNumber(columns, "the number of columns"), rows: checkNumber(rows, "the number of rows") };
}

function checkNumber(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw usage(`${what} must be an integer from 0 to 4294967295, not ${String(value)}`);
}

/** A value may be a secret: what kind it is of is enough. */
function kindOf(value: unknown): string {
  return value === undefined || value === null ? String(value) : `of type ${typeof value}`;
}

function withNul(what: string): SshError {
  return usage(`${what} holds a NUL, which cannot be sent`);
}
