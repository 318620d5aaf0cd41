import type { Certificate } from "@nacre/keys/internal";
import { type Factor, fingerprint, type ListenEvent } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { LogThrottle } from "../log-throttle.ts";

/** Event in the log of `nacre serve`: a connection's event, or one of the server itself. */
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
  /** Message, already escaped for a terminal. */
  | { readonly type: "note"; readonly text: string }
  /** `count` further lines with this text were not written. The text is already escaped. */
  | { readonly type: "repeated"; readonly count: number; readonly text: string }
  /** `count` lines with various texts were not written. */
  | { readonly type: "suppressed"; readonly count: number };

/** Events that are always written. Only the server itself or a logged-in user can cause them. */
const ALWAYS: ReadonlySet<ServeEvent["type"]> = new Set([
  "listening",
  "login",
  "session-started",
  "session-ended",
  "stopping",
  "stopped",
]);

/** Maximum characters of a client's text per line. Before login, a client can send a user name as long as a message. */
const MAX_TEXT = 1000;

/** Formats an event as one line with a newline: plain text, or JSON in ASCII. Contains no other control characters. */
export function logLine(event: ServeEvent, kind: "text" | "json", time: Date): string {
  return kind === "json" ? json(event, time) : `${time.toISOString()} ${lineText(event)}\n`;
}

/** Formats an event without its time. `origin: "address"` replaces the connection number and port by the address alone. */
export function lineText(event: ServeEvent, { origin }: { readonly origin?: "address" } = {}): string {
  const from = "connection" in event && origin === "address" ? `${event.remoteAddress} ` : where(event);
  return from + text(event);
}

/** Returns the log of a server, limited per text and client address, that passes each event to `write`. */
export function throttledLog(write: (event: ServeEvent) => void): LogThrottle<ServeEvent> {
  return new LogThrottle({
    write,
    textOf: (event) => (ALWAYS.has(event.type) ? undefined : lineText(event, { origin: "address" })),
    repeated: (count, text) => write({ type: "repeated", count, text }),
    suppressed: (count) => write({ type: "suppressed", count }),
  });
}

function json({ type, ...rest }: ServeEvent, time: Date): string {
  const line = JSON.stringify({ time: time.toISOString(), event: type, ...rest }, (name, value: unknown) => {
    if (name === "certificate") return certificateFacts(value as Certificate);
    if (value instanceof SshError) return { code: value.code, culprit: value.culprit, message: value.message };
    if (value instanceof Error) return { message: value.message };
    // Show a key blob as its fingerprint.
    if (value instanceof Uint8Array) return fingerprint(value);
    return typeof value === "string" ? cut(value) : value;
  });
  // JSON.stringify leaves non-ASCII characters and DEL only inside strings, where \u escapes are equivalent.
  return `${line.replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

/** Returns the facts of a certificate for a log, whose size a client must not decide. */
function certificateFacts({ keyId, serial, authority, principals, publicKey }: Certificate): object {
  return {
    key: fingerprint(publicKey.blob),
    keyId,
    serial: `${serial}`,
    authority: fingerprint(authority.blob),
    principals: shortList(principals),
  };
}

/** Maximum number of a certificate's principals in the log. */
const MAX_PRINCIPALS = 10;

function shortList(texts: readonly string[]): readonly string[] {
  if (texts.length <= MAX_PRINCIPALS) return texts;
  return [...texts.slice(0, MAX_PRINCIPALS), `… (${texts.length} principals)`];
}

/** Describes the certificate of a login, after the key. */
function describeCertificate({ keyId, serial, authority, principals }: Certificate): string {
  const names = principals.length === 0 ? "no principal" : shortList(principals).map(quoted).join(", ");
  return ` id ${quoted(keyId)} serial ${serial} by ${fingerprint(authority.blob)} for ${names}`;
}

/** Truncates a text to `MAX_TEXT` characters. */
function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
}

/** Truncates a client's text and escapes it for a terminal. */
function shown(text: string): string {
  return escapeText(cut(text));
}

/** Escapes a client's text and puts it in quotes, so that it cannot pass for the log's own words. */
function quoted(text: string): string {
  return `"${shown(text).replaceAll('"', '\\"')}"`;
}

/** Address or Unix socket to connect to or to listen on. */
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
  "max-unauthenticated": "too many connections before login",
  "max-per-source": "too many connections from this address before login",
  penalty: "earlier connections from this address ended without a login",
};

function text(event: ServeEvent): string {
  switch (event.type) {
    case "listening": {
      const keys = event.hostKeys.map(({ format, fingerprint }) => `${format} ${fingerprint}`).join(", ");
      const users = event.users.map(quoted).join(", ");
      return `listening on ${event.host} port ${event.port} for ${users}; host key ${keys}`;
    }
    case "stopping":
      return `${event.signal}: accepting no new connections; sessions still running: ${event.sessions} (repeat the signal to end them now)`;
    case "stopped":
      return "stopped";
    case "note":
      return event.text;
    case "repeated":
      return `repeated ${event.count} more times: ${event.text}`;
    case "suppressed":
      return `suppressed ${event.count} more lines of various kinds`;
    case "accept-failed":
      return event.error.message;
    case "connected":
      return "connected";
    case "dropped":
      return `dropped: ${DROPPED[event.reason]}`;
    case "identified":
      return `client version ${quoted(event.clientVersion)}`;
    case "login":
      return `${quoted(event.user)} logged in with ${event.factors.map(factor).join(" and ")}`;
    case "login-refused": {
      const key = event.fingerprint === undefined ? "" : ` ${event.fingerprint}`;
      const certificate = event.certificate === undefined ? "" : describeCertificate(event.certificate);
      const asked = event.signed === false ? " (query without signature)" : "";
      return `login refused for ${quoted(event.user)} with ${event.method}${key}${certificate}${asked}${because(event.error)}`;
    }
    case "session-started": {
      const what = event.command ?? event.subsystem;
      const words = what === undefined ? event.kind : `${event.kind} ${quoted(what)}`;
      return `${quoted(event.user)} started ${words}${event.pty ? " in a terminal" : ""}`;
    }
    case "session-ended": {
      const { exit } = event;
      if (event.error !== undefined) return `session failed${because(event.error)}`;
      if (exit === undefined) return "session closed by the client";
      return "status" in exit ? `session ended with status ${exit.status}` : `session ended by signal ${exit.signal}`;
    }
    case "forward-opened":
      return `forwarding to ${quoted(formatPlace(event.target))}${origin(event.originator)}`;
    case "forward-listening":
      return `listening on ${quoted(formatPlace(event.address))}`;
    case "forward-accepted":
      return `forwarding a connection accepted on ${quoted(formatPlace(event.address))}${origin(event.originator)}`;
    case "forward-stopped":
      return `stopped listening on ${quoted(formatPlace(event.address))}`;
    case "request-refused":
      return `refused request ${quoted(event.request)}${because(event.error)}`;
    case "closed":
      return `closed: ${shown(event.error.message)} [${event.error.code}]`;
  }
}

/** Returns `host:port`, with brackets around an IPv6 address, or the path of a Unix socket. */
function formatPlace({ host = "localhost", port, path }: ForwardPlace): string {
  return path ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
}

function origin(originator: { readonly address: string; readonly port: number } | undefined): string {
  return originator === undefined ? "" : `, originator ${quoted(`${originator.address} port ${originator.port}`)}`;
}

function factor(one: Factor): string {
  if (one.method === "other") return one.name;
  if (one.method === "publickey") return `publickey ${one.algorithm} ${fingerprint(one.publicKey)}`;
  if (one.method !== "certificate") return one.method;
  const { algorithm, certificate } = one;
  return `certificate ${algorithm} ${fingerprint(certificate.publicKey.blob)}${describeCertificate(certificate)}`;
}

function because(error: unknown): string {
  if (error === undefined) return "";
  return error instanceof Error ? `: ${shown(error.message)}` : ": a value other than an Error was thrown";
}
