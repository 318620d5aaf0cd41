import type { Bench, Sample } from "../bench.ts";
import { spread, type Table } from "../measure/table.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { barePipe, CONNECTIONS, type Relay, withRelay } from "./gateway-relays.ts";

/** Bytes of one write of a page: `@nacre/web` sends as much in one message in a bulk transfer. */
const BULK_PIECE = 65_535;
/** Bytes of a keystroke or its echo in a terminal, as an SSH packet. */
const KEYSTROKE = 64;
const KEYSTROKES_EACH = 20;
/** Most rounds, as each of them starts four relays with 500 connections. */
const MOST_ROUNDS = 3;

interface Moved {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

type Load = "bulk" | "keystrokes";
type Results = ReadonlyMap<Relay, Readonly<Record<Load, Moved[]>>>;

/** Moves data on all connections, with a new process for each measurement, so that no relay inherits the memory of another round. */
export async function moveData(
  bench: Bench,
  relays: readonly Relay[],
  to: Address,
  samples: Sample[],
): Promise<Table[]> {
  const each = Math.ceil(bench.bytes / CONNECTIONS);
  const loads: Readonly<Record<Load, { readonly bytes: number; readonly piece: number; readonly window: number }>> = {
    bulk: { bytes: each, piece: BULK_PIECE, window: each },
    keystrokes: { bytes: KEYSTROKES_EACH * KEYSTROKE, piece: KEYSTROKE, window: KEYSTROKE },
  };
  const results: Results = new Map(relays.map((relay) => [relay, { bulk: [], keystrokes: [] }]));
  const rounds = Math.min(MOST_ROUNDS, bench.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const relay of relays) {
      bench.progress(`gateway: data on ${CONNECTIONS} connections, ${relay.name}: round ${round} of ${rounds}`);
      await withRelay(relay, to, {}, async (open) => {
        await open.open(CONNECTIONS);
        await open.echo(loads.keystrokes);
        await open.echo({ ...loads.bulk, bytes: 2 * BULK_PIECE });
        for (const load of ["keystrokes", "bulk"] as const) {
          const moved = await open.echo(loads[load]);
          results.get(relay)![load].push(moved);
          samples.push({ measure: load, relay: relay.name, connections: CONNECTIONS, ...loads[load], ...moved });
        }
      });
    }
  }
  return [bulkTable(each, results), keystrokeTable(results)];
}

function bulkTable(each: number, results: Results): Table {
  const moved = 2 * each * CONNECTIONS;
  return {
    title: `${CONNECTIONS} connections, ${(each / 2 ** 20).toFixed(2)} MiB each, sent and received back`,
    head: ["relay", "CPU s/GiB", "vs. pipe", "MB/s"],
    rows: [...results].map(([relay, { bulk }]) => [
      relay.name,
      spread(
        bulk.map(({ cpuSeconds }) => (cpuSeconds * 2 ** 30) / moved),
        2,
      ),
      ratioCell(results, relay, "bulk"),
      spread(
        bulk.map(({ seconds }) => moved / seconds / 1e6),
        0,
      ),
    ]),
    notes: [
      "CPU time of the relay only. Each byte counts once per direction. vs. pipe: CPU time relative to the pipe in the same round.",
      "Goal for nacre: at most 1.10. Pages, relay and target share the machine, so MB/s is that of all together.",
    ],
  };
}

function keystrokeTable(results: Results): Table {
  const count = KEYSTROKES_EACH * CONNECTIONS;
  return {
    title: `${CONNECTIONS} connections, each with ${KEYSTROKES_EACH} messages of ${KEYSTROKE} bytes and their echo, one at a time`,
    head: ["relay", "CPU µs each", "vs. pipe", "per second"],
    rows: [...results].map(([relay, { keystrokes }]) => [
      relay.name,
      spread(
        keystrokes.map(({ cpuSeconds }) => (cpuSeconds * 1e6) / count),
        1,
      ),
      ratioCell(results, relay, "keystrokes"),
      spread(
        keystrokes.map(({ seconds }) => count / seconds),
        0,
      ),
    ]),
    notes: ["A message and its echo count once."],
  };
}

/** Returns the CPU time of a relay relative to the pipe in the same round: other load on the machine slows both. */
function ratioCell(results: Results, relay: Relay, load: Load): string {
  const pipe = results.get(barePipe)?.[load];
  if (pipe === undefined) return "–";
  return spread(
    results.get(relay)![load].map(({ cpuSeconds }, round) => cpuSeconds / pipe[round]!.cpuSeconds),
    2,
  );
}
