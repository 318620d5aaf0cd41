import { type Factor, fingerprint, type ListenEvent } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";

/** What `nacre serve` itself has to say, beside what happens on connections. */
export type ServeEvent =
  | ListenEvent
  | {
      readonly type: "listening";
      readonly host: string;
      readonly port: number;
      readonly hostKeys: readonly { readonly format: string; readonly fingerprint: string }[];
      readonly users: readonly string[];
    }
  | { readonly type: "stopping"; readonly signal: string; readonly sessions: number }
  | { readonly type: "stopped" }
  /** A line that is safe to show. */
  | { readonly type: "note"; readonly text: string }
  /** `count` more lines with this text, safe to show, were not written. */
  | { readonly type: "repeated"; readonly count: number; readonly text: string }
  /** `count` lines, too many to tell apart, were not written. */
  | { readonly type: "suppressed"; readonly count: number };

/** The most characters of a client's text in a line: strangers can send names as long as a message. */
const LONGEST_TEXT = 1000;

/** Writes an event as one line, ended by a newline: for people, or as JSON in ASCII. Nothing in it moves a terminal's cursor. */
export function logLine(event: ServeEvent, kind: "text" | "json", time: Date): string {
  return kind === "json" ? json(event, time) : `${time.toISOString()} ${lineText(event)}\n`;
}

/** An event without its time. With `origin: "address"` events of one address are alike, whichever connection they are of. */
export function lineText(event: ServeEvent, { origin }: { readonly origin?: "address" } = {}): string {
  const from = "connection" in event && origin === "address" ? `${event.remoteAddress} ` : where(event);
  return from + text(event);
}

function json({ type, ...rest }: ServeEvent, time: Date): string {
  const line = JSON.stringify({ time: time.toISOString(), event: type, ...rest }, (_, value: unknown) => {
    if (value instanceof SshError) return { code: value.code, culprit: value.culprit, message: value.message };
    if (value instanceof Error) return { message: value.message };
    // A key blob: what people know it by.
    if (value instanceof Uint8Array) return fingerprint(value);
    return typeof value === "string" ? cut(value) : value;
  });
  // What is left beyond ASCII's printable characters stands in strings, where this is the same text.
  return `${line.replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

/** Cuts a text to what a line may hold. */
function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)` : text;
}

/** Makes a client's text safe to show. */
function shown(text: string): string {
  return escapeText(cut(text));
}

/** A text of the client's in quotes: what it says cannot be taken for the words of the line. */
function quoted(text: string): string {
  return `"${shown(text).replaceAll('"', '\\"')}"`;
}

/** A place to connect to or to listen at. */
interface ForwardPlace {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
}

function where(event: ServeEvent): string {
  if (!("connection" in event)) return "";
  const { connection, remoteAddress, remotePort } = event;
  const session = "session" in event && event.session !== undefined ? `.${event.session}` : "";
  return `[${connection}${session}] ${remoteAddress}:${remotePort} `;
}

const DROPPED: Readonly<Record<Extract<ListenEvent, { type: "dropped" }>["reason"], string>> = {
  "max-connections": "too many connections",
  "max-unauthenticated": "too many are not logged in",
  "max-per-source": "too many from this address are not logged in",
  penalty: "earlier connections from this address ended without a login",
};

function text(event: ServeEvent): string {
  switch (event.type) {
    case "listening": {
      const keys = event.hostKeys.map(({ format, fingerprint }) => `${format} ${fingerprint}`).join(", ");
      const users = event.users.map(quoted).join(", ");
      return `listening at ${event.host} port ${event.port} for ${users}; host key ${keys}`;
    }
    case "stopping":
      return `${event.signal}: no more connections; ${event.sessions} open, which have time to end (once more: at once)`;
    case "stopped":
      return "stopped";
    case "note":
      return event.text;
    case "repeated":
      return `${event.count} more like this: ${event.text}`;
    case "suppressed":
      return `${event.count} more of many kinds`;
    case "accept-failed":
      return event.error.message;
    case "connected":
      return "connected";
    case "dropped":
      return `dropped: ${DROPPED[event.reason]}`;
    case "identified":
      return `is ${quoted(event.clientVersion)}`;
    case "login":
      return `${quoted(event.user)} is logged in by ${event.factors.map(factor).join(" and ")}`;
    case "login-refused": {
      const key = event.fingerprint === undefined ? "" : ` ${event.fingerprint}`;
      const asked = event.signed === false ? " (asked about)" : "";
      return `${quoted(event.user)} is refused: ${event.method}${key}${asked}${because(event.error)}`;
    }
    case "session-started": {
      const what = event.command ?? event.subsystem;
      const words = what === undefined ? event.kind : `${event.kind} ${quoted(what)}`;
      return `${quoted(event.user)} runs ${words}${event.pty ? " in a terminal" : ""}`;
    }
    case "session-ended": {
      const { exit } = event;
      if (event.error !== undefined) return `failed${because(event.error)}`;
      if (exit === undefined) return "has gone";
      return "status" in exit ? `ended with status ${exit.status}` : `was ended by the signal ${exit.signal}`;
    }
    case "forward-opened":
      return `connects to ${quoted(formatPlace(event.target))}${origin(event.originator)}`;
    case "forward-listening":
      return `has a listener at ${quoted(formatPlace(event.address))}`;
    case "forward-accepted":
      return `takes a connection to ${quoted(formatPlace(event.address))}${origin(event.originator)}`;
    case "forward-stopped":
      return `has no listener at ${quoted(formatPlace(event.address))} any more`;
    case "request-refused":
      return `does not get ${quoted(event.request)}${because(event.error)}`;
    case "closed":
      return `closed: ${shown(event.error.message)} [${event.error.code}]`;
  }
}

/** Returns `host:port`, with brackets around an IPv6 address, or the path of a Unix socket. */
function formatPlace({ host = "localhost", port, path }: ForwardPlace): string {
  return path ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
}

function origin(originator: { readonly address: string; readonly port: number } | undefined): string {
  return originator === undefined ? "" : ` for ${quoted(`${originator.address} port ${originator.port}`)}`;
}

function factor(one: Factor): string {
  return one.method === "publickey" ? `${one.method} ${one.algorithm} ${fingerprint(one.publicKey)}` : one.method;
}

function because(error: unknown): string {
  if (error === undefined) return "";
  return error instanceof Error ? `: ${shown(error.message)}` : ": something was thrown that is no error";
}
