import { startDelayProxy } from "@nacre/testing/interop/delay-proxy";
import {
  type Bench,
  type Case,
  type Contender,
  devTunnels,
  nacre,
  nacreOnNoble,
  type Sample,
  ssh2AsInstalled,
  ssh2NoDelay,
  sshCommand,
} from "../bench.ts";
import { Child } from "../children.ts";
import { runSsh } from "../measure/ssh-command.ts";
import { median, spread, type Table } from "../measure/table.ts";
import type { ConnectResult, Target } from "../tasks.ts";

const TIMEOUT = 20_000;
const WARM_UP = 5;
const COLD = 5;
const DELAYED = 5;
const HOLD = 50;

/**
 * Measures the time from the start of a connection to the first output byte of `echo ok`, with an Ed25519 key, and the number of round
 * trips after the TCP handshake.
 */
export const connectCase: Case = {
  name: "connect",
  what: "time to the first output byte of `echo ok`: in a warm process, in a new process, and in round trips",
  async run(bench) {
    const all = [nacre, nacreOnNoble, ssh2AsInstalled, ssh2NoDelay, devTunnels, sshCommand];
    const contenders = all.filter((one) => bench.takesPart(one));
    const open = contenders.map((contender) => new Connector(contender));
    const samples: Sample[] = [];
    try {
      const warm = await alternating(bench, open, samples);
      const trips = await roundTrips(bench, open, samples);
      const cold = await inFreshProcesses(bench, contenders, samples);
      return { tables: [warm, trips, cold], samples };
    } finally {
      await Promise.all(open.map((connector) => connector.end()));
    }
  },
};

async function alternating(bench: Bench, open: readonly Connector[], samples: Sample[]): Promise<Table> {
  bench.progress("connect: warming up");
  for (let i = 0; i < WARM_UP; i++) for (const connector of open) await connector.connect(bench.target);
  const results = new Map(open.map((connector) => [connector, [] as ConnectResult[]]));
  for (let i = 0; i < bench.connects; i++) {
    bench.progress(`connect: round ${i + 1} of ${bench.connects}`);
    for (const connector of open) {
      const result = await connector.connect(bench.target);
      results.get(connector)?.push(result);
      samples.push({ what: "warm", client: connector.contender.name, ...result });
    }
  }
  const msOf = (connector: Connector): number => median((results.get(connector) ?? []).map(({ ms }) => ms));
  const best = Math.min(...open.filter(({ contender }) => contender.otherLibrary).map(msOf));
  return {
    title: "Time to the first output byte of `echo ok`, Ed25519 key, in one warm process",
    head: ["client", "ms", "CPU ms", "vs. best other library"],
    rows: open.map((connector) => {
      const all = results.get(connector) ?? [];
      const ratio = Number.isFinite(best) ? `${(msOf(connector) / best).toFixed(2)} ×` : "–";
      return [
        connector.contender.name,
        spread(
          all.map(({ ms }) => ms),
          1,
        ),
        spread(
          all.map(({ cpuMs }) => cpuMs),
          1,
        ),
        ratio,
      ];
    }),
    notes: [
      "ssh is a new process each time. dev-tunnels uses ECDSA keys. CPU time includes closing the connection.",
      "nacre and ssh negotiate ML-KEM with X25519; the others negotiate X25519 or a NIST curve.",
    ],
  };
}

async function roundTrips(bench: Bench, open: readonly Connector[], samples: Sample[]): Promise<Table> {
  const { host, port } = bench.target;
  const near = await startDelayProxy({ host, port, holdMs: 0 });
  const far = await startDelayProxy({ host, port, holdMs: HOLD });
  try {
    const rows: string[][] = [];
    for (const connector of open) {
      bench.progress(`connect: round trips of ${connector.contender.name}`);
      const [nearMs, farMs, counted]: [number[], number[], number[]] = [[], [], []];
      for (let i = 0; i < DELAYED; i++) {
        nearMs.push((await connector.connect({ ...bench.target, port: near.port })).ms);
        let trips = 0;
        const { ms } = await connector.connect({ ...bench.target, port: far.port }, () => {
          trips = far.connections.at(-1)?.roundTrips ?? 0;
        });
        farMs.push(ms);
        counted.push(trips);
        samples.push({ what: "round trips", client: connector.contender.name, ms, nearMs: nearMs.at(-1), trips });
      }
      const timed = (Math.min(...farMs) - Math.min(...nearMs)) / (2 * HOLD);
      rows.push([connector.contender.name, spread(counted, 1), timed.toFixed(2), spread(farMs, 0)]);
    }
    return {
      title: `Round trips after the TCP handshake until that byte, through a proxy that delays each direction by ${HOLD} ms`,
      head: ["client", "counted", "by time", "ms"],
      rows,
      notes: [
        "Counted: on the longest chain of messages that depend on each other. By time: time added by the delay, from the fastest runs.",
      ],
    };
  } finally {
    await Promise.all([near.close(), far.close()]);
  }
}

async function inFreshProcesses(bench: Bench, contenders: readonly Contender[], samples: Sample[]): Promise<Table> {
  const results = new Map(
    contenders.map((contender) => [contender, [] as { whole: number; inside: number; cpu: number }[]]),
  );
  for (let i = 0; i < COLD; i++) {
    for (const contender of contenders) {
      bench.progress(`connect: new process, round ${i + 1} of ${COLD}`);
      const began = performance.now();
      const connector = new Connector(contender);
      try {
        let whole = 0;
        const { ms, cpuMs } = await connector.connect(bench.target, () => {
          whole = performance.now() - began;
        });
        results.get(contender)?.push({ whole, inside: ms, cpu: cpuMs });
        samples.push({ what: "cold", client: contender.name, wholeMs: whole, ms, cpuMs });
      } finally {
        await connector.end();
      }
    }
  }
  return {
    title: "Time to the first output byte of `echo ok`, each time in a new process",
    head: ["client", "ms since process start", "ms since connect", "CPU ms since connect"],
    rows: contenders.map((contender) => {
      const all = results.get(contender) ?? [];
      return [
        contender.name,
        spread(
          all.map(({ whole }) => whole),
          0,
        ),
        spread(
          all.map(({ inside }) => inside),
          0,
        ),
        spread(
          all.map(({ cpu }) => cpu),
          0,
        ),
      ];
    }),
    notes: ["The time since process start includes Node's own start and the imports."],
  };
}

/** Connects with a contender. A library runs in one process for all connections; `ssh` is started for each. */
export class Connector {
  readonly contender: Contender;
  readonly #child: Child | undefined;

  constructor(contender: Contender) {
    this.contender = contender;
    this.#child = contender.program === undefined ? undefined : new Child(contender.program, contender.namespace);
  }

  async connect(target: Target, onFirst: () => void = () => {}): Promise<ConnectResult> {
    if (this.#child !== undefined) return this.#child.perform({ kind: "connect", target }, TIMEOUT, onFirst);
    const command = "echo ok";
    const { namespace } = this.contender;
    const ended = await runSsh({ target, command, output: "kept", timeoutMs: TIMEOUT, namespace, onFirst });
    if (ended.stdout !== "ok\n") throw new Error(`ssh printed ${JSON.stringify(ended.stdout)}`);
    return { ms: ended.firstMs ?? Number.NaN, cpuMs: ended.cpuSeconds * 1000 };
  }

  async end(): Promise<void> {
    await this.#child?.end();
  }
}
