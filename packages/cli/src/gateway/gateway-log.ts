import { formatEvent, type GatewayEvent } from "@nacre/gateway";
import { escapeText } from "@nacre/wire";
import { LogThrottle } from "../log-throttle.ts";

/** Fields of an event. */
type Fields = Readonly<Record<string, unknown>>;

/** Log of `nacre gateway`, one line per event. */
export interface GatewayLog {
  /** Logs an event of a connection. Refusals that repeat are counted in place of being written. */
  readonly event: (event: GatewayEvent) => void;
  /** Logs an event of the command itself, with its fields. */
  readonly note: (event: string, fields?: Fields) => void;
  /** Writes how many lines were only counted, and ends the count. */
  readonly flush: () => void;
}

/** Makes a log that passes each line to `write`, without a line break. */
export function gatewayLog(kind: "text" | "json", write: (line: string) => void): GatewayLog {
  const note = (event: string, fields: Fields = {}, words = wordsOf(fields)): void => {
    const time = new Date().toISOString();
    write(kind === "json" ? JSON.stringify({ time, event, ...fields }) : `${time} ${event} ${words}`.trimEnd());
  };
  const throttle = new LogThrottle<GatewayEvent>({
    write: (event) => write(formatEvent(event, kind, new Date())),
    textOf: repeatable,
    repeated: (count, text) => note("repeated", { count, text }, `${count} more times: ${escapeText(text)}`),
    suppressed: (count) => note("suppressed", { count }, `${count} more lines of various kinds`),
  });
  return { event: (event) => throttle.log(event), note, flush: () => throttle.flush() };
}

function wordsOf(fields: Fields): string {
  return Object.values(fields)
    .map((value) => escapeText(String(value)))
    .join(" ");
}

/** Returns the text of an event that anyone on the network can cause: a refusal, by address and reason. */
function repeatable(event: GatewayEvent): string | undefined {
  switch (event.type) {
    case "refused":
      return `${event.remoteAddress} refused at ${event.route}: ${event.reason}`;
    case "rejected":
      return `${event.remoteAddress} rejected: ${event.reason}`;
    default:
      return undefined;
  }
}
