import {
  type Bench,
  type Case,
  type Contender,
  nacre,
  type Sample,
  ssh2Addon,
  ssh2NoDelay,
  sshCommand,
  transferTimeout,
} from "../bench.ts";
import type { Direction } from "../bulk/case-bulk.ts";
import { payloadDigest } from "../bulk/payload.ts";
import { Child } from "../children.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { type Suite, suites } from "../tasks.ts";
import { startTunnel, type Tunnel } from "./tunnel.ts";
import type { Address, TunnelForm, VisitsResult } from "./tunnel-tasks.ts";

const HOST = "127.0.0.1";
const TIMEOUT = 60_000;
/** Number of timed connections, one at a time and concurrently. */
const VISITS = { alone: { count: 200, atOnce: 1 }, together: { count: 600, atOnce: 32 } } as const;
type Crowd = keyof typeof VISITS;
const CROWDS = ["alone", "together"] as const satisfies readonly Crowd[];
/** Number of runs per round, as a single short run varies too much on a shared machine. */
const VISITS_EACH_ROUND = 4;
/** Number of connections of each kind before the timed ones: for the first two thousand, V8 still compiles the code of a tunnel. */
const WARM_UP = 2000;

/** A route from the plain TCP client to the target. */
interface Runner {
  readonly name: string;
  /** The tunnel's program and form; `undefined` for a direct connection. */
  readonly tunnel: { readonly contender: Contender; readonly form: TunnelForm } | undefined;
}

const runners: readonly Runner[] = [
  { name: "plain TCP", tunnel: undefined },
  { name: "nacre, forwardLocal", tunnel: { contender: nacre, form: "local" } },
  { name: "ssh2, no-delay", tunnel: { contender: ssh2NoDelay, form: "local" } },
  { name: "ssh2, addon, no-delay", tunnel: { contender: ssh2Addon, form: "local" } },
  { name: "ssh -L", tunnel: { contender: sshCommand, form: "local" } },
  { name: "nacre, forwardDynamic", tunnel: { contender: nacre, form: "dynamic" } },
  { name: "ssh -D", tunnel: { contender: sshCommand, form: "dynamic" } },
];

/** Rows that the others are compared with. */
const SSH: Readonly<Record<TunnelForm, string>> = { local: "ssh -L", dynamic: "ssh -D" };
const SSH2 = "ssh2, no-delay";
/** Goal for the throughput, relative to `ssh`. */
const GOAL = 0.9;

/** Measures tunnels: the throughput of one connection in each direction, and connections per second. */
export const tunnelCase: Case = {
  name: "tunnel",
  what: "one connection through a tunnel: throughput in each direction and CPU time; and short connections per second",
  async run(bench) {
    const server = new Child({ file: "child-target" });
    const visitor = new Child({ file: "child-tcp" });
    try {
      const to = await server.perform({ kind: "serve-plain", host: HOST }, TIMEOUT);
      const samples: Sample[] = [];
      const tables: Table[] = [];
      for (const suite of [undefined, suites[1], suites[2]]) {
        const lanes = await openLanes(bench, suite, to);
        try {
          const measure = new Measuring(bench, suite, visitor, lanes, samples);
          tables.push(await measure.transfers());
          // The cost of a short connection hardly depends on the cipher.
          if (suite === undefined) tables.push(await measure.visits());
        } finally {
          await Promise.all(lanes.map(async ({ tunnel }) => tunnel?.close()));
        }
      }
      return { tables, samples };
    } finally {
      await visitor.end();
      await server.end();
    }
  },
};

/** A route with its tunnel open. */
interface Lane {
  readonly name: string;
  readonly form: TunnelForm | undefined;
  readonly to: Address;
  readonly tunnel: Tunnel | undefined;
}

async function openLanes(bench: Bench, suite: Suite | undefined, to: Address): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (const { name, tunnel } of runners) {
    if (tunnel === undefined) lanes.push({ name, form: undefined, to, tunnel: undefined });
    else if (bench.takesPart({ ...tunnel.contender, name })) {
      const { contender, form } = tunnel;
      lanes.push({ name, form, to, tunnel: await startTunnel(contender, bench.target, suite, form, to) });
    }
  }
  return lanes;
}

interface Measured {
  readonly seconds: number;
  /** CPU time of the tunnel's process on the client's side; `undefined` without a tunnel. */
  readonly cpuSeconds: number | undefined;
}

type Results<K extends string> = ReadonlyMap<Lane, Readonly<Record<K, Measured[]>>>;

class Measuring {
  readonly #bench: Bench;
  readonly #suite: Suite | undefined;
  readonly #visitor: Child;
  readonly #lanes: readonly Lane[];
  readonly #samples: Sample[];

  constructor(bench: Bench, suite: Suite | undefined, visitor: Child, lanes: readonly Lane[], samples: Sample[]) {
    this.#bench = bench;
    this.#suite = suite;
    this.#visitor = visitor;
    this.#lanes = lanes;
    this.#samples = samples;
  }

  async transfers(): Promise<Table> {
    const { bytes, rounds } = this.#bench;
    const results: Results<Direction> = new Map(this.#lanes.map((lane) => [lane, { download: [], upload: [] }]));
    for (const direction of ["download", "upload"] as const) {
      for (const lane of this.#lanes) {
        this.#progress(`${direction}, ${lane.name}: digest`);
        await this.#transfer(lane, direction, true);
      }
      for (let round = 1; round <= rounds; round++) {
        for (const lane of this.#lanes) {
          this.#progress(`${direction}, ${lane.name}: round ${round} of ${rounds}`);
          const measured = await this.#transfer(lane, direction, false);
          results.get(lane)?.[direction].push(measured);
          this.#samples.push({ suite: nameOf(this.#suite), client: lane.name, direction, bytes, ...measured });
        }
      }
    }
    return transferTable(bytes, this.#suite, results);
  }

  async visits(): Promise<Table> {
    const rounds = this.#bench.rounds * VISITS_EACH_ROUND;
    const results: Results<Crowd> = new Map(this.#lanes.map((lane) => [lane, { alone: [], together: [] }]));
    for (let round = 0; round <= rounds; round++) {
      for (const crowd of CROWDS) {
        for (const lane of this.#lanes) {
          this.#progress(`connections, ${crowd}, ${lane.name}: round ${round} of ${rounds}`);
          const { atOnce, count } = VISITS[crowd];
          const measured = await this.#visit(lane, atOnce, round === 0 ? WARM_UP : count);
          if (round === 0) continue;
          results.get(lane)?.[crowd].push(measured);
          this.#samples.push({
            suite: nameOf(this.#suite),
            client: lane.name,
            atOnce,
            connections: count,
            ...measured,
          });
        }
      }
    }
    return visitTable(results);
  }

  /** Runs one transfer. Throws if the received bytes are not the payload. */
  async #transfer(lane: Lane, direction: Direction, digest: boolean): Promise<Measured> {
    const { bytes } = this.#bench;
    const [result, cpuSeconds] = await withCpu(lane, () =>
      this.#visitor.perform(
        { kind: "plain-transfer", direction, route: routeOf(lane), bytes, digest },
        transferTimeout(bytes),
      ),
    );
    const [got, expected] = digest ? [result.sha256, payloadDigest(bytes)] : [result.bytes, bytes];
    if (got !== expected) throw new Error(`${direction} through ${lane.name}: expected ${expected}, got ${got}`);
    return { seconds: result.seconds, cpuSeconds };
  }

  async #visit(lane: Lane, atOnce: number, count: number): Promise<Measured> {
    const [{ seconds }, cpuSeconds] = await withCpu<VisitsResult>(lane, () =>
      this.#visitor.perform({ kind: "visit", route: routeOf(lane), count, atOnce }, TIMEOUT),
    );
    return { seconds, cpuSeconds };
  }

  #progress(line: string): void {
    this.#bench.progress(`tunnel: ${nameOf(this.#suite)}, ${line}`);
  }
}

function routeOf({ tunnel, form, to }: Lane): { readonly at: Address; readonly socksTo: Address | undefined } {
  return { at: tunnel?.at ?? to, socksTo: form === "dynamic" ? to : undefined };
}

/** Runs `work`. Resolves with its result and the CPU time of the tunnel during it. */
async function withCpu<T>({ name, tunnel }: Lane, work: () => Promise<T>): Promise<[T, number | undefined]> {
  const before = await tunnel?.cpuSeconds();
  const result = await work().catch((cause: unknown) => {
    throw new Error(`${name}: ${String(cause)}`, { cause });
  });
  const after = await tunnel?.cpuSeconds();
  return [result, after === undefined || before === undefined ? undefined : after - before];
}

function nameOf(suite: Suite | undefined): string {
  return suite?.name ?? "each with its preferred cipher";
}

function transferTable(bytes: number, suite: Suite | undefined, results: Results<Direction>): Table {
  const perGiB = 2 ** 30 / bytes;
  const cells = (lane: Lane, direction: Direction): string[] => {
    const all = results.get(lane)?.[direction] ?? [];
    return [
      spread(
        all.map(({ seconds }) => bytes / seconds / 1e6),
        0,
      ),
      speedOf(results, lane, lane.form && SSH[lane.form], direction),
      cpuCell(all, perGiB, 2),
    ];
  };
  return {
    title: `One connection, ${bytes / 2 ** 20} MiB, ${nameOf(suite)}`,
    head: ["route", "down MB/s", "vs. ssh", "CPU s/GiB", "up MB/s", "vs. ssh", "CPU s/GiB"],
    rows: [...results.keys()].map((lane) => [lane.name, ...cells(lane, "download"), ...cells(lane, "upload")]),
    notes: [
      `vs. ssh: relative to \`ssh -L\`, or to \`ssh -D\` for a SOCKS proxy, in the same round. Goal: at least ${GOAL}.`,
      ...(suite === undefined ? ["Preferred ciphers: aes128-gcm for nacre and ssh2, chacha20-poly1305 for ssh."] : []),
      "CPU time is that of the tunnel's client process only. Four processes share the machine: TCP client, tunnel, sshd and target.",
    ],
  };
}

function visitTable(results: Results<Crowd>): Table {
  const cells = (lane: Lane, crowd: Crowd): string[] => {
    const all = results.get(lane)?.[crowd] ?? [];
    const { count } = VISITS[crowd];
    return [
      spread(
        all.map(({ seconds }) => count / seconds),
        0,
      ),
      speedOf(results, lane, lane.form && SSH2, crowd),
      cpuCell(all, 1000 / count, 2),
    ];
  };
  const { alone, together } = VISITS;
  return {
    title: `Connections per second: connect, send a line, receive 16 bytes, close (${alone.count} one at a time, ${together.count} with ${together.atOnce} concurrent, ${VISITS_EACH_ROUND} times per round)`,
    head: [
      "route",
      "one at a time",
      "vs. ssh2",
      "CPU ms each",
      `${together.atOnce} concurrent`,
      "vs. ssh2",
      "CPU ms each",
    ],
    rows: [...results.keys()].map((lane) => [lane.name, ...cells(lane, "alone"), ...cells(lane, "together")]),
    notes: [
      "vs. ssh2: relative to its no-delay row in the same round. Goal for `forwardLocal`: more than ssh2. A SOCKS proxy needs two more round trips.",
    ],
  };
}

/** Returns the speed of a lane relative to another one in the same round: other load on the machine slows both. */
function speedOf<K extends string>(results: Results<K>, lane: Lane, other: string | undefined, what: K): string {
  const beside = [...results.keys()].find(({ name }) => name === other);
  if (beside === undefined) return "–";
  const others = results.get(beside)?.[what] ?? [];
  const ratios = (results.get(lane)?.[what] ?? []).map(
    ({ seconds }, round) => (others[round]?.seconds ?? Number.NaN) / seconds,
  );
  return `${median(ratios).toFixed(2)} ×`;
}

function cpuCell(all: readonly Measured[], factor: number, digits: number): string {
  const values = all.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds * factor]));
  return spread(values, digits);
}
