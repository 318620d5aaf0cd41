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
  | { readonly type: "note"; readonly text: string };

/** Characters of a text of the client's that a line holds at most: a name may be as long as a message, and nobody need be known to send one. */
const LONGEST_TEXT = 1000;

/** Writes an event as one line, ended by a newline: for people, or as JSON in ASCII. Nothing in it moves a terminal's cursor. */
export function logLine(event: ServeEvent, kind: "text" | "json", time: Date): string {
  return kind === "json" ? json(event, time) : `${time.toISOString()} ${where(event)}${text(event)}\n`;
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

/** No more of a text than a line can bear. */
function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)` : text;
}

/** A text of the client's, safe to show. */
function shown(text: string): string {
  return escapeText(cut(text));
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
      const users = event.users.map((user) => shown(user)).join(", ");
      return `listening at ${event.host} port ${event.port} for ${users}; host key ${keys}`;
    }
    case "stopping":
      return `${event.signal}: no more connections; ${event.sessions} open, which have time to end (once more: at once)`;
    case "stopped":
      return "stopped";
    case "note":
      return event.text;
    case "accept-failed":
      return event.error.message;
    case "connected":
      return "connected";
    case "dropped":
      return `dropped: ${DROPPED[event.reason]}`;
    case "identified":
      return `is ${shown(event.clientVersion)}`;
    case "login":
      return `${shown(event.user)} is logged in by ${event.factors.map(factor).join(" and ")}`;
    case "login-refused": {
      const key = event.fingerprint === undefined ? "" : ` ${event.fingerprint}`;
      const asked = event.signed === false ? " (asked about)" : "";
      return `${shown(event.user)} is refused: ${event.method}${key}${asked}${because(event.error)}`;
    }
    case "session-started": {
      const what = event.command ?? event.subsystem;
      const words = what === undefined ? event.kind : `${event.kind} ${shown(what)}`;
      return `${shown(event.user)} runs ${words}${event.pty ? " in a terminal" : ""}`;
    }
    case "session-ended": {
      const { exit } = event;
      if (event.error !== undefined) return `failed${because(event.error)}`;
      if (exit === undefined) return "has gone";
      return "status" in exit ? `ended with status ${exit.status}` : `was ended by the signal ${exit.signal}`;
    }
    case "request-refused":
      return `does not get ${shown(event.request)}${because(event.error)}`;
    case "closed":
      return `closed: ${shown(event.error.message)} [${event.error.code}]`;
  }
}

function factor(one: Factor): string {
  return one.method === "publickey" ? `${one.method} ${one.algorithm} ${fingerprint(one.publicKey)}` : one.method;
}

function because(error: unknown): string {
  if (error === undefined) return "";
  return error instanceof Error ? `: ${shown(error.message)}` : ": something was thrown that is no error";
}
