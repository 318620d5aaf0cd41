import { CLOSE_KINDS } from "@nacre/tunnel";
import { escapeText } from "@nacre/wire";
import type { GatewayEvent } from "./events.ts";

/** Longest text from a client in a line, in characters. */
const LONGEST_TEXT = 300;

/** Formats an event as one line, without a line break: readable text, or JSON in ASCII. Control characters are escaped. */
export function formatEvent(event: GatewayEvent, kind: "text" | "json", time: Date): string {
  return kind === "json" ? json(event, time) : `${time.toISOString()} ${text(event)}`;
}

function json({ type, ...rest }: GatewayEvent, time: Date): string {
  const line = JSON.stringify({ time: time.toISOString(), event: type, ...rest }, (_, value: unknown) =>
    typeof value === "string" ? value.slice(0, LONGEST_TEXT) : value,
  );
  return line.replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function text(event: GatewayEvent): string {
  const from = `${"connection" in event ? `[${event.connection}] ` : ""}${shown(event.remoteAddress)}`;
  const page = event.origin === undefined ? "" : ` of ${quoted(event.origin)}`;
  switch (event.type) {
    case "refused":
      return `${from}${page} refused at ${event.route}: ${event.reason}${because(event.detail)}`;
    case "rejected":
      return `${from}${page} rejected: ${event.reason}${because(event.detail)}`;
    case "opened": {
      const user = event.user === undefined ? "" : ` for ${quoted(event.user)}`;
      return `${from}${page} opened ${place(event)} at ${event.address}${user}${event.plain ? ", plain" : ""}`;
    }
    case "parked":
      return `${from} lost its WebSocket; kept with ${event.bytes} bytes`;
    case "resumed":
      return `${from} resumed`;
    case "closed": {
      const seconds = (event.milliseconds / 1000).toFixed(1);
      const resumed = event.resumed === 0 ? "" : `, resumed ${event.resumed} times`;
      const why = event.reason in CLOSE_KINDS ? event.reason : event.reason.replaceAll("-", " ");
      return `${from} closed ${place(event)}: ${why}${because(event.detail)}; up ${event.bytesUp}, down ${event.bytesDown} bytes in ${seconds} s${resumed}`;
    }
  }
}

function place({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function because(detail: string): string {
  return detail === "" ? "" : ` (${shown(detail)})`;
}

function shown(words: string): string {
  return escapeText(words.slice(0, LONGEST_TEXT));
}

/** Quotes text from a client, so that it cannot imitate other parts of the line. */
function quoted(words: string): string {
  return `"${shown(words).replaceAll('"', '\\"')}"`;
}
