import type { Bench, Case, Sample } from "./bench.ts";
import { Child } from "./children.ts";
import { barePipe, GATEWAY_TIMEOUT, plain, type Relay, resumable, websockify, withRelay } from "./gateway-relays.ts";
import { median, spread, type Table } from "./table.ts";
import type { Address } from "./tunnel-tasks.ts";
import { ensureWebsockify } from "./websockify.ts";

/** Number of connections that move data at once, and number of idle connections. */
const CONNECTIONS = 500;
/** Connections before the first measurement of memory, so that one-time costs are not counted. */
const WARM_UP = 100;
/** Bytes on each connection before it is idle, as much as a login. */
const LOGIN_BYTES = 8 * 1024;
const IDLE_ROUNDS = 3;
/** Bytes of one write of a page: `@nacre/web` sends as much in one message in a bulk transfer. */
const BULK_PIECE = 65_535;
/** Bytes of a keystroke or its echo in a terminal, as an SSH packet. */
const KEYSTROKE = 64;
const KEYSTROKES_EACH = 20;

const all: readonly Relay[] = [barePipe, plain, resumable, websockify];

/** Measures Nacre's gateway beside a bare pipe on `ws` and Debian's websockify. */
export const gatewayCase: Case = {
  name: "gateway",
  what: `Nacre's gateway with ${CONNECTIONS} connections: CPU time of bulk data and of keystrokes, and memory of idle connections, compared with a bare \`ws\` pipe and websockify`,
  async run(bench) {
    const relays = all.filter(({ name }) => bench.takesPart({ name, program: undefined, otherLibrary: false }));
    const version = relays.includes(websockify) ? await ensureWebsockify() : "";
    const target = new Child({ file: "child-target" });
    try {
      const to = await target.perform({ kind: "serve-echo" }, GATEWAY_TIMEOUT);
      const samples: Sample[] = [];
      const moving = await moveData(bench, relays, to, samples);
      const idle = await weighIdle(bench, relays, to, samples);
      const tables = [...moving, idle];
      return { tables: version === "" ? tables : tables.map((table) => withVersion(table, version)), samples };
    } finally {
      await target.end();
    }
  },
};

interface Moved {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

type Load = "bulk" | "keystrokes";
type Results = ReadonlyMap<Relay, Readonly<Record<Load, Moved[]>>>;

/** Moves data on all connections, with a new process for each measurement, so that no relay inherits the memory of another round. */
async function moveData(bench: Bench, relays: readonly Relay[], to: Address, samples: Sample[]): Promise<Table[]> {
  const each = Math.ceil(bench.bytes / CONNECTIONS);
  const loads: Readonly<Record<Load, { readonly bytes: number; readonly piece: number; readonly window: number }>> = {
    bulk: { bytes: each, piece: BULK_PIECE, window: each },
    keystrokes: { bytes: KEYSTROKES_EACH * KEYSTROKE, piece: KEYSTROKE, window: KEYSTROKE },
  };
  const results: Results = new Map(relays.map((relay) => [relay, { bulk: [], keystrokes: [] }]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const relay of relays) {
      bench.progress(`gateway: data on ${CONNECTIONS} connections, ${relay.name}: round ${round} of ${bench.rounds}`);
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

/** Measures the memory of idle connections after a login's worth of data. */
async function weighIdle(bench: Bench, relays: readonly Relay[], to: Address, samples: Sample[]): Promise<Table> {
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

interface Idle {
  /** Memory per connection in KiB; `NaN` if the relay does not report it. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
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

function withVersion(table: Table, version: string): Table {
  return { ...table, notes: [...(table.notes ?? []), `websockify: Debian's ${version}.`] };
}
