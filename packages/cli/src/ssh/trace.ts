import { escapeText, utf8Encode } from "@nacre/wire";
import type { TracePort, TraceRecord } from "nacre";

/** Spaces at which the summary of a proposal is split into lines. */
const FIELD = / (?=(?:kex|hostkey|cipher|mac|compression)=|not strict$)|(?<!not) (?=strict$)/;

const WIDTH = 110;
const INDENT = " ".repeat(35);

/**
 * Returns a trace port that prints one line per packet: seconds since the start, direction (→ sent, ← received), bytes on the wire,
 * sequence number, message name and a summary. `elapsed` returns milliseconds; `write` receives whole lines.
 */
export function packetList(elapsed: () => number, write: (text: string) => void): TracePort {
  return (record) => {
    const time = (elapsed() / 1000).toFixed(6).padStart(11);
    write(lines(time, record));
  };
}

function lines(time: string, record: TraceRecord): string {
  switch (record.type) {
    case "identification":
      // Plus 2 for CR LF.
      return `${time} ${arrow(record)} ${column(utf8Encode(record.line).length + 2, 8)} ${column("", 6)} ${escapeText(record.line)}\n`;
    case "packet": {
      const name = record.message.replace("SSH_MSG_", "");
      const head = `${time} ${arrow(record)} ${column(record.wireLength, 8)} ${column(`#${record.sequenceNumber}`, 6)} `;
      return withDetails(head, name, record.summary);
    }
    case "negotiated":
      return withDetails(`${time} ${column("", 17)}`, "chosen", record.summary);
  }
}

/** Formats a name and its summary: on one line, or on separate lines if the summary is a list or too long. */
function withDetails(head: string, name: string, summary: string): string {
  const fields = summary.split(FIELD);
  if (fields.length === 1 && head.length + name.length + summary.length < WIDTH)
    return `${head}${name}${summary === "" ? "" : ` ${summary}`}\n`;
  return `${head}${name}\n${fields.map(wrap).join("")}`;
}

/** Wraps a long list after commas and spaces, with an indent. */
function wrap(text: string): string {
  let line = INDENT;
  let out = "";
  for (const part of text.split(/(?<=[, ])/)) {
    if (line.length + part.length > WIDTH && line.trim() !== "") {
      out += `${line.trimEnd()}\n`;
      line = `${INDENT}  `;
    }
    line += part;
  }
  return `${out}${line.trimEnd()}\n`;
}

function arrow({ direction }: { readonly direction: "sent" | "received" }): string {
  return direction === "sent" ? "→" : "←";
}

function column(value: string | number, width: number): string {
  return String(value).padStart(width);
}
