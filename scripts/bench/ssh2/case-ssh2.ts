import {
  type Bench,
  type Case,
  type Contender,
  nacre,
  nacreSsh2,
  type Sample,
  ssh2Addon,
  ssh2AsInstalled,
  ssh2NoDelay,
  transferTimeout,
} from "../bench.ts";
import { Child, measuredCheckout, once } from "../children.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { cells, inTurn, type Runner } from "../measure/rounds.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { startSlowPath } from "../path/slow-path.ts";
import { SftpFolders, SOURCES, shellOf } from "../sftp/sftp-folders.ts";
import { measure } from "../sftp/sftp-runs.ts";
import type { Suite, Target } from "../tasks.ts";
import { isDownload, WAYS, type Way, type WayResult } from "./ssh2-tasks.ts";

const SUITE: Suite = { name: "aes128-gcm", cipher: "aes128-gcm@openssh.com", mac: "hmac-sha2-256" };
/** Round-trip time in milliseconds, bandwidth in Mbit/s and queue in bytes of the slow path, as in the case `path`. */
const ROUND_TRIP = 40;
const MBITS = 500;
const QUEUE = (MBITS * 1e6 * ROUND_TRIP) / 8000;
const COMMANDS = 1000;
const IDLE = 500;
/** Size of each of the short files in bytes. */
const SHORT = 1024;
const TASK_TIMEOUT = 120_000;
/** Contender that the ratios are to. */
const BESIDE = ssh2NoDelay;

/** Measures this project's package with ssh2's API next to ssh2, with the programs of ssh2's users. */
export const ssh2Case: Case = {
  name: "ssh2",
  what: "`@nacre/ssh2` next to ssh2: files, commands, connections, memory, and the time to load",
  longest: (bytes) => bytes,
  async run(bench) {
    const all = [nacreSsh2, ssh2AsInstalled, ssh2NoDelay, ssh2Addon, nacre];
    const contenders = all.filter((one) => bench.takesPart(one));
    const samples: Sample[] = [];
    const tables: Table[] = [];
    const sizes = { bytes: bench.bytes, files: bench.sftp.files, short: SHORT, names: 1, sparse: 1 };
    const folders = await SftpFolders.make(shellOf(bench.target), sizes);
    try {
      const measured = { bench, folders, contenders, samples };
      tables.push(await transfers({ ...measured, target: bench.target, namespace: undefined, warm: true, ways: WAYS }));
      tables.push(await onSlowPath(measured));
      tables.push(await shortFiles(measured));
      tables.push(await commands(bench, contenders, samples));
      tables.push(await idleClients(bench, contenders, samples));
      tables.push(await loading(bench, contenders));
      return { tables, samples };
    } finally {
      await folders.remove();
    }
  },
};

interface Measured {
  readonly bench: Bench;
  readonly folders: SftpFolders;
  readonly contenders: readonly Contender[];
  readonly samples: Sample[];
}

interface Transfers extends Measured {
  readonly target: Target;
  readonly namespace: string | undefined;
  readonly warm: boolean;
  readonly ways: readonly Way[];
}

/** Measures each way to move a file, in rounds. */
async function transfers(options: Transfers): Promise<Table> {
  const { bench, folders, contenders, samples, ways, namespace } = options;
  const results = new Map<string, WayResult[]>();
  for (const way of ways)
    for (let round = 1; round <= bench.rounds; round++)
      for (const contender of contenders) {
        bench.progress(`ssh2: ${way}, ${contender.name}: round ${round} of ${bench.rounds}`);
        const result = await move(options, contender, way);
        if (round === 1 && (way === "fastGet" || !isDownload(way)))
          await folders.compare(isDownload(way) ? "get" : "put", SOURCES.long);
        const key = `${way} ${contender.name}`;
        results.set(key, [...(results.get(key) ?? []), result]);
        samples.push({ what: way, client: contender.name, far: namespace !== undefined, ...result });
        await folders.clear();
      }
  const of = (way: Way, { name }: Contender): readonly WayResult[] => results.get(`${way} ${name}`) ?? [];
  const ratio = (way: Way, one: Contender, pick: (result: WayResult) => number): string => {
    const others = of(way, BESIDE);
    if (one === BESIDE || others.length === 0) return "";
    return `${median(of(way, one).map((result, round) => pick(result) / pick(others[round]!))).toFixed(2)} ×`;
  };
  const megabytes = bench.bytes / 1e6;
  return {
    title: `${bench.bytes / 2 ** 20} MiB over SFTP with ssh2's API, ${SUITE.name}${namespace === undefined ? "" : `, at ${ROUND_TRIP} ms and ${MBITS} Mbit/s`}`,
    head: ["way, client", "MB/s", "vs. ssh2", "CPU s", "vs. ssh2", "peak MiB", "vs. ssh2"],
    rows: ways.flatMap((way) =>
      contenders.map((one) => [
        `${way}, ${one.name}`,
        spread(
          of(way, one).map(({ seconds }) => megabytes / seconds),
          0,
        ),
        ratio(way, one, ({ seconds }) => 1 / seconds),
        spread(
          of(way, one).map(({ cpuSeconds }) => cpuSeconds),
          2,
        ),
        ratio(way, one, ({ cpuSeconds }) => cpuSeconds),
        median(of(way, one).map(({ peakMiB }) => peakMiB)).toFixed(0),
        ratio(way, one, ({ peakMiB }) => peakMiB),
      ]),
    ),
    notes: [
      "nacre: download, upload, createReadStream, createWriteStream, and read of a handle. The reads are of 64 KiB, each after the last one. The ratios are to ssh2 without Nagle's algorithm.",
      ...(namespace === undefined
        ? [
            "Goals: CPU time of fastGet and fastPut 0.8, speed of the streams 1.4, of the reads 0.9, peak memory at most 1.2.",
          ]
        : ["Goal: 5 times the speed of the streams."]),
    ],
  };
}

async function move(
  { bench, folders, target, namespace, warm }: Transfers,
  { program }: Contender,
  way: Way,
): Promise<WayResult> {
  const there = folders.target(false);
  const paths = isDownload(way)
    ? { remote: `${folders.remote}/${SOURCES.long}`, local: there.local }
    : { remote: there.remote, local: `${folders.local}/${SOURCES.long}` };
  const task = { kind: "way", target, suite: SUITE, way, ...paths, warm } as const;
  return once(program!, task, 2 * transferTimeout(bench.bytes), namespace);
}

async function onSlowPath(measured: Measured): Promise<Table> {
  const path = await startSlowPath({ bitsPerSecond: MBITS * 1e6, holdMs: ROUND_TRIP / 2, queueBytes: QUEUE });
  try {
    const target = await measured.bench.serverIn(path.far);
    const { namespace } = path.near;
    // Fewer contenders, because a transfer through ssh2's streams takes a minute here.
    const contenders = measured.contenders.filter((one) => one !== ssh2AsInstalled && one !== ssh2Addon);
    return await transfers({
      ...measured,
      contenders,
      target,
      namespace,
      warm: false,
      ways: WAYS.filter((way) => way !== "reads"),
    });
  } finally {
    await path.close();
  }
}

async function shortFiles({ bench, folders, contenders: all, samples }: Measured): Promise<Table> {
  const { files } = bench.sftp;
  // With Nagle's algorithm, the files take minutes.
  const contenders = all.filter((one) => one !== ssh2AsInstalled);
  const common = { bench, folders, target: bench.target, namespace: undefined, suite: SUITE, rounds: bench.rounds };
  const sources = { source: SOURCES.short, warmUp: SOURCES.warmShort };
  const run = (type: "get-all" | "put-all"): ReturnType<typeof measure> =>
    measure({ ...common, ...sources, type, bytes: files * SHORT, contenders, what: `ssh2: ${type}` }, samples);
  const runs = [await run("get-all"), await run("put-all")] as const;
  const perSecond = (results: Awaited<ReturnType<typeof measure>>): Map<string, number[]> =>
    new Map([...results].map(([{ name }, all]) => [name, all.map(({ seconds }) => files / seconds)]));
  const [got, put] = [perSecond(runs[0]), perSecond(runs[1])];
  return {
    title: `${files} files of ${SHORT} bytes, ${SUITE.name}`,
    head: ["client", "get files/s", "vs. ssh2", "put files/s", "vs. ssh2"],
    rows: contenders.map(({ name }) => [
      name,
      ...cells(got, name, BESIDE.name, 0),
      ...cells(put, name, BESIDE.name, 0),
    ]),
    notes: ["fastGet and fastPut, 32 files at once; nacre: download and upload of a folder."],
  };
}

async function commands(bench: Bench, contenders: readonly Contender[], samples: Sample[]): Promise<Table> {
  const { target } = bench;
  const children = new Map(contenders.map((one) => [one, new Child(one.program!)]));
  try {
    const runner = (one: Contender, kind: "connect" | "commands") => ({
      name: one.name,
      async run() {
        const child = children.get(one)!;
        const task = kind === "connect" ? ({ kind, target } as const) : ({ kind, target, count: COMMANDS } as const);
        const result = await child.perform(task, TASK_TIMEOUT);
        const ms = "ms" in result ? result.ms : (result.seconds * 1000) / COMMANDS;
        samples.push({ what: kind, client: one.name, ...result });
        return ms;
      },
    });
    const connected = await inTurn(
      bench,
      "ssh2: connect and one command",
      contenders.map((one) => runner(one, "connect")),
      { warmUp: 5, count: bench.connects },
    );
    const ran = await inTurn(
      bench,
      `ssh2: ${COMMANDS} commands`,
      contenders.map((one) => runner(one, "commands")),
      { warmUp: 0, count: bench.rounds },
    );
    return {
      title: `A connection with one command, and ${COMMANDS} commands over one connection, warm`,
      head: ["client", "connect and `echo ok`, ms", "vs. ssh2", "`true`, ms", "vs. ssh2"],
      rows: contenders.map(({ name }) => [
        name,
        ...cells(connected, name, BESIDE.name, 1),
        ...cells(ran, name, BESIDE.name, 2),
      ]),
      notes: ["To the first output byte. Goal: a connection and a command take 0.5 of ssh2's time as it is installed."],
    };
  } finally {
    await Promise.all([...children.values()].map((child) => child.end()));
  }
}

async function idleClients(bench: Bench, contenders: readonly Contender[], samples: Sample[]): Promise<Table> {
  const { target } = bench;
  const nodeArgs = ["--expose-gc", "--max-semi-space-size=1"];
  const runners = contenders.map(({ name, program }) => ({
    name,
    async run() {
      const task = { kind: "idle", target, count: IDLE } as const;
      const { residentKiB } = await once({ ...program!, nodeArgs }, task, TASK_TIMEOUT);
      samples.push({ what: "idle clients", client: name, residentKiB });
      return residentKiB;
    },
  }));
  const results = await inTurn(bench, "ssh2: idle clients", runners, { warmUp: 0, count: Math.min(3, bench.rounds) });
  return {
    title: `Memory of ${IDLE} idle clients in one process`,
    head: ["client", "KiB for each", "vs. ssh2"],
    rows: contenders.map(({ name }) => [name, ...cells(results, name, BESIDE.name, 0)]),
  };
}

/** Returns a runner that measures how long a new process takes to load a package, in milliseconds. */
function load(specifier: string, name: string): Runner {
  return {
    name,
    async run() {
      const code = `const began = performance.now(); require(${JSON.stringify(specifier)}); console.log(performance.now() - began);`;
      const command = ["env", "NODE_OPTIONS=", process.execPath, "--eval", code];
      const { stdout } = await runMeasured({ command, output: "kept", timeoutMs: TASK_TIMEOUT });
      return Number(stdout);
    },
  };
}

async function loading(bench: Bench, contenders: readonly Contender[]): Promise<Table> {
  const packages = [
    load(`${measuredCheckout()}packages/ssh2/dist/ssh2.cjs`, nacreSsh2.name),
    load(`${measuredCheckout()}node_modules/ssh2`, BESIDE.name),
  ].filter(({ name }) => contenders.some((one) => one.name === name));
  const results = await inTurn(bench, "ssh2: time to load", packages, { warmUp: 2, count: bench.connects });
  return {
    title: "Time of `require(…)` in a new process",
    head: ["package", "ms", "vs. ssh2"],
    rows: packages.map(({ name }) => [name, ...cells(results, name, BESIDE.name, 1)]),
    notes: ["Without Node's own start. Goal: at most ssh2's."],
  };
}
