import type { Bench, Sample } from "../bench.ts";
import { median, spread, type Table } from "../measure/table.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { barePipe, CONNECTIONS, type Relay, withRelay } from "./gateway-relays.ts";

/** Connections before the first measurement of memory, so that one-time costs are not counted. */
const WARM_UP = 100;
/** Bytes on each connection before it is idle, as much as a login. */
const LOGIN_BYTES = 4 * 1024;
const IDLE_ROUNDS = 1;

interface Idle {
  /** Memory per connection in KiB; `NaN` if the relay does not report it. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
}

/** Measures the memory of idle connections after a login's worth of data. */
export async function weighIdle(
  bench: Bench,
  relays: readonly Relay[],
  to: Address,
  samples: Sample[],
): Promise<Table> {
  const rows: string[][] = [];
  const load = { bytes: LOGIN_BYTES, piece: LOGIN_BYTES / 8, window: LOGIN_BYTES / 8 };
  const results = new Map(relays.map((relay) => [relay, [] as Idle[]]));
  const rounds = Math.min(IDLE_ROUNDS, bench.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const relay of relays) {
      bench.progress(`gateway: ${CONNECTIONS} idle connections, ${relay.name}: round ${round} of ${rounds}`);
      const idle = await withRelay(relay, to, { forWeight: true }, async (open) => {
        await open.open(WARM_UP);
        await open.echo(load);
        await open.close();
        const before = await open.weigh();
        await open.open(CONNECTIONS);
        await open.echo(load);
        const after = await open.weigh();
        const each = (what: "resident" | "heap" | "external"): number =>
          ((after[what] ?? Number.NaN) - (before[what] ?? Number.NaN)) / CONNECTIONS / 1024;
        return { resident: each("resident"), heap: each("heap"), external: each("external") };
      });
      results.get(relay)!.push(idle);
      samples.push({ measure: "idle", relay: relay.name, connections: CONNECTIONS, ...idle });
    }
  }
  const pipe = results.get(barePipe)?.map(({ resident }) => resident) ?? [];
  for (const [{ name, program }, measured] of results) {
    const cell = (what: keyof Idle): string =>
      program === undefined && what !== "resident"
        ? "–"
        : spread(
            measured.map((idle) => idle[what]),
            1,
          );
    const more = median(measured.map(({ resident }, at) => resident - (pipe[at] ?? Number.NaN)));
    rows.push([name, cell("resident"), Number.isNaN(more) ? "–" : more.toFixed(1), cell("heap"), cell("external")]);
  }
  return {
    title: `${CONNECTIONS} idle connections after ${LOGIN_BYTES / 1024} KiB in each direction: memory of the relay per connection, KiB`,
    head: ["relay", "resident", "more than the pipe", "heap", "external"],
    rows,
    notes: [
      "Goal for nacre: at most 24 KiB resident. Garbage is collected before each measurement.",
      "websockify has a process for each connection. A page of memory that several processes share counts once (PSS).",
    ],
  };
}
