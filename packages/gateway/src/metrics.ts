import type { GatewayEvent } from "./events.ts";

/** Counters of a gateway. They contain no names of clients or destinations. */
export class Metrics {
  bytesUp = 0;
  bytesDown = 0;
  readonly #opened = new Map<string, number>();
  readonly #closed = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  #parked = 0;
  #resumed = 0;

  count(event: GatewayEvent): void {
    switch (event.type) {
      case "opened":
        return add(this.#opened, event.plain ? "plain" : "tunnel");
      case "closed":
        return add(this.#closed, event.reason);
      case "refused":
      case "rejected":
        return add(this.#refused, event.reason);
      case "parked":
        this.#parked++;
        return;
      case "resumed":
        this.#resumed++;
    }
  }

  /** Returns the counters and `gauges` in the Prometheus text format 0.0.4. */
  format(
    gauges: Readonly<Record<"connections" | "pending" | "clients" | "parkedBytes" | "bufferedBytes", number>>,
  ): string {
    return [
      family("opened_total", "counter", "Connections opened.", byLabel("mode", this.#opened)),
      family("closed_total", "counter", "Connections ended, by reason.", byLabel("reason", this.#closed)),
      family(
        "refused_total",
        "counter",
        "Requests and WebSockets refused, by reason.",
        byLabel("reason", this.#refused),
      ),
      family("parked_total", "counter", "Connections that lost their WebSocket and were kept.", [["", this.#parked]]),
      family("resumed_total", "counter", "Connections that were resumed.", [["", this.#resumed]]),
      family("bytes_total", "counter", "Bytes moved.", [
        ['{direction="up"}', this.bytesUp],
        ['{direction="down"}', this.bytesDown],
      ]),
      family("connections", "gauge", "Connections, parked ones included.", [["", gauges.connections]]),
      family("pending", "gauge", "WebSockets without a connection.", [["", gauges.pending]]),
      family("clients", "gauge", "Clients that are remembered.", [["", gauges.clients]]),
      family("parked_bytes", "gauge", "Bytes kept for parked connections.", [["", gauges.parkedBytes]]),
      family("buffered_bytes", "gauge", "Bytes on their way.", [["", gauges.bufferedBytes]]),
    ].join("");
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function byLabel(label: string, counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].map(([key, count]) => [`{${label}="${key}"}`, count]);
}

function family(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string {
  const full = `nacre_gateway_${name}`;
  const lines = samples.map(([labels, value]) => `${full}${labels} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}
