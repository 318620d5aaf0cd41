import type { TraceRecord } from "nacre";

/** A packet as the panel shows it. */
export interface TraceLine {
  readonly direction: "sent" | "received";
  /** Message name without `SSH_MSG_`. */
  readonly name: string;
  /** Bytes on the wire. */
  readonly length: number;
  readonly summary: string;
}

/** The latest packets of a connection, and totals of all packets. */
export class TraceLines {
  readonly #most: number;
  readonly #lines: TraceLine[] = [];
  readonly #total = { sent: 0, received: 0 };
  #packets = 0;

  /** Keeps the latest `most` packets. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Number of packets so far. */
  get packets(): number {
    return this.#packets;
  }

  /** Bytes on the wire in each direction. */
  get total(): { readonly sent: number; readonly received: number } {
    return this.#total;
  }

  /** Adds a record. Algorithms are not a packet and are ignored. */
  add(record: TraceRecord): void {
    if (record.type === "negotiated") return;
    const line = lineOf(record);
    this.#packets++;
    this.#total[line.direction] += line.length;
    this.#lines.push(line);
    if (this.#lines.length > this.#most) this.#lines.shift();
  }

  /** Removes and returns the packets that were added since the last call, at most the number that is kept. */
  take(): readonly TraceLine[] {
    return this.#lines.splice(0);
  }
}

function lineOf(record: Exclude<TraceRecord, { type: "negotiated" }>): TraceLine {
  const { direction } = record;
  if (record.type === "identification")
    return { direction, name: "identification", length: record.line.length + "\r\n".length, summary: record.line };
  return {
    direction,
    name: record.message.replace("SSH_MSG_", ""),
    length: record.wireLength,
    summary: record.summary,
  };
}

/** Formats a number of bytes, such as `"1.5 KiB"`. */
export function formatBytes(count: number): string {
  if (count < 1024) return `${Math.round(count)} B`;
  const unit = Math.min(Math.floor(Math.log2(count) / 10), UNITS.length);
  return `${(count / 1024 ** unit).toFixed(1)} ${UNITS[unit - 1]}`;
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;
