import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import {
  type Bench,
  type Case,
  type Contender,
  devTunnels,
  nacre,
  type Sample,
  ssh2NoDelay,
  sshCommand,
} from "../bench.ts";
import { type Direction, transfer } from "../bulk/case-bulk.ts";
import { payload, payloadDigest } from "../bulk/payload.ts";
import { Child } from "../children.ts";
import { Connector } from "../connect/case-connect.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { fingerprint } from "../setup.ts";
import { suites, type Target } from "../tasks.ts";
import { type SlowPath, startSlowPath } from "./slow-path.ts";

/** Round-trip time in milliseconds. */
const ROUND_TRIP = 40;
/** Bandwidth in Mbit/s in each direction. */
const MBITS = 500;
/** Queue of the simulated router in bytes: the bandwidth-delay product. */
const QUEUE = (MBITS * 1e6 * ROUND_TRIP) / 8000;
/** Maximum size of a transfer in bytes, as each transfer takes seconds. */
const MOST = 256 * 2 ** 20;
const CONNECTS = 10;
const WARM_UP = 2;
/** Goal for the throughput, relative to plain TCP. */
const GOAL = 0.85;
/** Goal for the time to the first output byte, relative to `ssh`. */
const LATENCY_GOAL = 0.7;

const suite = suites[1];
const tcp: Contender = { name: "plain TCP", program: { file: "child-tcp" }, otherLibrary: false };

/** A client with the server that it connects to. */
interface Runner {
  readonly contender: Contender;
  readonly target: Target;
}

/** Measures, on a path with high latency, the throughput in each direction relative to plain TCP, and the time to the first output byte. */
export const pathCase: Case = {
  name: "path",
  what: "a path with a round-trip time of 40 ms and 500 Mbit/s: throughput relative to plain TCP, and time to the first output byte",
  async run(bench) {
    const path = await startSlowPath({ bitsPerSecond: MBITS * 1e6, holdMs: ROUND_TRIP / 2, queueBytes: QUEUE });
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-path-"));
    const far = new Child({ file: "child-remote" }, path.far.namespace);
    try {
      const runners = await prepareRunners(bench, path, far, folder);
      const samples: Sample[] = [];
      const bytes = Math.min(bench.bytes, MOST);
      const down = await transfers(bench, runners, bytes, "download", folder, samples);
      const up = await transfers(bench, runners, bytes, "upload", folder, samples);
      const connects = await firstBytes(bench, runners, samples);
      return { tables: [speedTable(runners, bytes, down, up), connects], samples };
    } finally {
      await far.end();
      await path.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** Starts the servers at the far end. Returns the clients, each with its server; they run at the near end. */
async function prepareRunners(bench: Bench, path: SlowPath, far: Child, folder: string): Promise<Runner[]> {
  const { namespace } = path.near;
  const openssh = await bench.serverIn(path.far);
  const hostKeyFile = join(folder, "host_key");
  await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", hostKeyFile]);
  const hostKey = await readFile(`${hostKeyFile}.pub`, "utf8");
  const userKey = await readFile(`${openssh.keyFile}.pub`, "utf8");
  const [tcpPort, sshPort] = [7000, 7022];
  await far.perform({ kind: "serve", host: path.far.address, tcpPort, sshPort, hostKeyFile, userKey }, 10_000);
  const knownHostsFile = join(folder, "known_hosts");
  await writeFile(knownHostsFile, `bench ${hostKey}`);
  const nacreServer = { ...openssh, port: sshPort, knownHostsFile, hostKeyFingerprint: fingerprint(hostKey) };
  const runners: Runner[] = [
    { contender: tcp, target: { ...openssh, port: tcpPort } },
    { contender: nacre, target: openssh },
    { contender: ssh2NoDelay, target: openssh },
    { contender: devTunnels, target: openssh },
    { contender: sshCommand, target: openssh },
    { contender: { ...nacre, name: "nacre, to our server" }, target: nacreServer },
    { contender: { ...sshCommand, name: "ssh, to our server" }, target: nacreServer },
  ];
  return runners
    .map(({ contender, target }) => ({ contender: { ...contender, namespace }, target }))
    .filter(({ contender }) => contender.name === tcp.name || bench.takesPart(contender));
}

/** Speed of a transfer in bytes per second. */
interface Speed {
  /** Speed from the command's start to its end. */
  readonly whole: number;
  /** Speed without the first quarter, in which windows grow. */
  readonly steady: number;
}

type Speeds = ReadonlyMap<Runner, readonly Speed[]>;

async function transfers(
  bench: Bench,
  runners: readonly Runner[],
  bytes: number,
  direction: Direction,
  folder: string,
  samples: Sample[],
): Promise<Speeds> {
  const quarter = Math.floor(bytes / 4);
  const files = new Map<number, string>();
  for (const size of [bytes, quarter]) files.set(size, await payloadFile(folder, size));
  const once = async ({ contender, target }: Runner, size: number, digest: boolean): Promise<number> => {
    const part = { target, bytes: size, payloadFile: files.get(size) ?? "" };
    const { sha256, seconds, bytes: arrived } = await transfer(part, contender, suite, direction, digest);
    const [got, expected] = digest ? [sha256, payloadDigest(size)] : [arrived, size];
    if (got !== expected) throw new Error(`${direction} with ${contender.name}: expected ${expected}, got ${got}`);
    return seconds;
  };
  for (const runner of runners) {
    bench.progress(`path: ${direction}, ${runner.contender.name}: digest`);
    await once(runner, bytes, true);
  }
  const results = new Map(runners.map((runner) => [runner, [] as Speed[]]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const runner of runners) {
      bench.progress(`path: ${direction}, ${runner.contender.name}: round ${round} of ${bench.rounds}`);
      const seconds = await once(runner, bytes, false);
      const ofQuarter = await once(runner, quarter, false);
      const speed = { whole: bytes / seconds, steady: (bytes - quarter) / (seconds - ofQuarter) };
      results.get(runner)?.push(speed);
      samples.push({ client: runner.contender.name, direction, bytes, seconds, secondsOfQuarter: ofQuarter });
    }
  }
  return results;
}

/** Writes the payload to a file, for `ssh`. Returns its path. */
async function payloadFile(folder: string, bytes: number): Promise<string> {
  const path = join(folder, `payload-${bytes}`);
  const file = await open(path, "w");
  for (const piece of payload(bytes)) await file.write(piece);
  await file.close();
  return path;
}

function speedTable(runners: readonly Runner[], bytes: number, down: Speeds, up: Speeds): Table {
  const plain = runners.find(({ contender }) => contender.name === tcp.name);
  const cells = (results: Speeds, runner: Runner): string[] => {
    // Ratios within a round: other load on the machine slows both clients.
    const ratios = (of: (speed: Speed) => number): number[] =>
      (results.get(runner) ?? []).map((speed, round) => {
        const beside = plain && results.get(plain)?.[round];
        return beside === undefined ? Number.NaN : of(speed) / of(beside);
      });
    return [
      spread(
        (results.get(runner) ?? []).map(({ whole }) => whole / 1e6),
        1,
      ),
      median(ratios(({ whole }) => whole)).toFixed(2),
      median(ratios(({ steady }) => steady)).toFixed(2),
    ];
  };
  return {
    title: `${bytes / 2 ** 20} MiB at ${ROUND_TRIP} ms and ${MBITS} Mbit/s, ${suite.name}`,
    head: ["client", "down MB/s", "vs. TCP", "steady", "up MB/s", "vs. TCP", "steady"],
    rows: runners.map((runner) => [runner.contender.name, ...cells(down, runner), ...cells(up, runner)]),
    notes: [
      "Steady: without the first quarter; the time of a separate transfer of a quarter is subtracted. Goal: at least " +
        `${GOAL} of plain TCP in the same round.`,
      "OpenSSH's server grants a channel a window of 2 MiB, and sends a window adjust after it consumes more than 96 KiB. " +
        "An upload is therefore limited to 2 MiB in 40 ms plus the time of 96 KiB, or 50.2 MB/s, without the start of the connection.",
    ],
  };
}

async function firstBytes(bench: Bench, runners: readonly Runner[], samples: Sample[]): Promise<Table> {
  const clients = runners.filter(({ contender }) => contender.name !== tcp.name);
  const open = new Map(clients.map((runner) => [runner, new Connector(runner.contender)]));
  const times = new Map(clients.map((runner) => [runner, [] as number[]]));
  try {
    for (let round = 1; round <= WARM_UP + CONNECTS; round++) {
      for (const [runner, connector] of open) {
        bench.progress(`path: first byte, ${runner.contender.name}: round ${round} of ${WARM_UP + CONNECTS}`);
        const { ms } = await connector.connect(runner.target);
        if (round <= WARM_UP) continue;
        times.get(runner)?.push(ms);
        samples.push({ client: runner.contender.name, what: "first byte", ms });
      }
    }
  } finally {
    await Promise.all([...open.values()].map((connector) => connector.end()));
  }
  const ssh = clients.find(({ contender }) => contender.name === sshCommand.name);
  const bySsh = ssh === undefined ? Number.NaN : median(times.get(ssh) ?? []);
  return {
    title: `Time to the first output byte of \`echo ok\` at ${ROUND_TRIP} ms, in one warm process`,
    head: ["client", "ms", "vs. ssh"],
    rows: clients.map((runner) => {
      const all = times.get(runner) ?? [];
      const ratio = median(all) / bySsh;
      return [runner.contender.name, spread(all, 0), Number.isNaN(ratio) ? "–" : ratio.toFixed(2)];
    }),
    notes: [`ssh is a new process each time. Goal: at most ${LATENCY_GOAL} of ssh.`],
  };
}
