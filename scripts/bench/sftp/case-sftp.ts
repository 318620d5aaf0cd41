import { type Case, nacre, type Sample } from "../bench.ts";
import { transfer } from "../bulk/case-bulk.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { startSlowPath } from "../path/slow-path.ts";
import type { Suite } from "../tasks.ts";
import { ensureCommands } from "./sftp-commands.ts";
import { SftpFolders, SHORT_FILE, SOURCES, shellOf } from "./sftp-folders.ts";
import {
  type FilesResults,
  longFileContenders,
  type Measure,
  measure,
  type SftpContender,
  sftpContenders,
  sourcesOf,
} from "./sftp-runs.ts";
import { servers } from "./sftp-servers.ts";
import type { FileAction } from "./sftp-tasks.ts";

const aes: Suite = { name: "aes128-gcm", cipher: "aes128-gcm@openssh.com", mac: "hmac-sha2-256" };
const chacha: Suite = { name: "chacha20-poly1305", cipher: "chacha20-poly1305@openssh.com", mac: "hmac-sha2-256" };

/** Round-trip time in milliseconds, bandwidth in Mbit/s and queue in bytes of the slow path, as in the case `path`. */
const ROUND_TRIP = 40;
const MBITS = 500;
const QUEUE = (MBITS * 1e6 * ROUND_TRIP) / 8000;
/** Maximum size of a transfer on that path in bytes, as each takes seconds. */
const MOST_ON_PATH = 256 * 2 ** 20;

/** The sparse file is this many times as long as the other one. */
const SPARSE_FACTOR = 4;

/** Measures SFTP to OpenSSH: long and short files, a long listing, a path with high latency, and memory. */
export const sftpCase: Case = {
  name: "sftp",
  what: "SFTP to OpenSSH, on memory file systems: one long file, many short files, a listing; speed, CPU time, peak memory",
  async run(bench) {
    await ensureCommands();
    const samples: Sample[] = [];
    const tables: Table[] = [];
    const contenders = sftpContenders.filter((one) => bench.takesPart(one));
    const { bytes, files, names } = bench.sftp;
    const folders = await SftpFolders.make(shellOf(bench.target), {
      bytes,
      files,
      names,
      sparse: SPARSE_FACTOR * bytes,
    });
    try {
      const common = { bench, folders, target: bench.target, namespace: undefined, rounds: bench.rounds, contenders };
      const run = (suite: Suite, type: FileAction["type"], clients = contenders): Promise<FilesResults> =>
        measure({ ...common, ...sourcesOf(type), suite, type, bytes, what: type, contenders: clients }, samples);
      const withCommand = longFileContenders.filter((one) => bench.takesPart(one));
      for (const suite of [aes, chacha]) {
        const long = [await run(suite, "get", withCommand), await run(suite, "put", withCommand)] as const;
        tables.push(longTable(`${bytes / 2 ** 20} MiB, ${suite.name}`, withCommand, bytes, long));
      }
      for (const suite of [aes, chacha]) {
        const short = [await run(suite, "get-all"), await run(suite, "put-all")] as const;
        tables.push(shortTable(`${files} files of ${SHORT_FILE} bytes, ${suite.name}`, contenders, files, short));
      }
      const lists = await run(aes, "list");
      checkNames(lists, names);
      tables.push(listTable(contenders, names, lists));
      tables.push(await onSlowPath({ ...common, suite: aes }, samples));
      tables.push(...(await servers(bench, folders, aes, samples)));
      if (bench.takesPart(nacre)) tables.push(await memory({ ...common, suite: aes, contenders: [nacre] }, samples));
      return { tables, samples };
    } finally {
      await folders.remove();
    }
  },
};

type Common = Pick<Measure, "bench" | "folders" | "target" | "namespace" | "rounds" | "contenders" | "suite">;

/** One column for each value of a client in one direction. */
type Cells = (contender: SftpContender, results: FilesResults) => string[];

/** Returns the median of the ratios to a client in the same round: other load on the machine slows both. */
function ratio(results: FilesResults, contender: SftpContender, to: SftpContender | undefined): string {
  const others = to && results.get(to);
  const ratios = (results.get(contender) ?? []).map(
    ({ seconds }, round) => (others?.[round]?.seconds ?? NaN) / seconds,
  );
  return ratios.length === 0 || Number.isNaN(ratios[0]) ? "–" : `${median(ratios).toFixed(2)} ×`;
}

function rows(contenders: readonly SftpContender[], cells: Cells, [got, put]: readonly FilesResults[]): string[][] {
  return contenders.map((one) => [one.name, ...cells(one, got!), ...(put === undefined ? [] : cells(one, put))]);
}

/** Returns cells for speed, ratios, CPU time and memory. `amount` is what is moved, `unit` that of the speed. */
function cellsFor(amount: number, digits: number, cpuAmount: number): Cells {
  const [, sftp, ssh2] = sftpContenders;
  return (contender, results) => {
    const all = results.get(contender) ?? [];
    return [
      spread(
        all.map(({ seconds }) => amount / seconds),
        digits,
      ),
      ratio(results, contender, sftp),
      ratio(results, contender, ssh2),
      spread(
        all.map(({ cpuSeconds }) => cpuSeconds / cpuAmount),
        2,
      ),
      median(all.map(({ peakMiB }) => peakMiB)).toFixed(0),
    ];
  };
}

const WHOLE =
  "sftp and lftp are measured as whole processes, less the time of a login; their peak is without that of ssh.";

/** Returns the heads of the columns of `cellsFor`. */
function columns(what: string, cpu: string): string[] {
  return [what, "vs. sftp", "vs. ssh2", cpu, "peak MiB"];
}

function longTable(
  title: string,
  clients: readonly SftpContender[],
  bytes: number,
  runs: readonly FilesResults[],
): Table {
  return {
    title,
    head: ["client", ...columns("get MB/s", "CPU s/GiB"), ...columns("put MB/s", "CPU s/GiB")],
    rows: rows(clients, cellsFor(bytes / 1e6, 0, bytes / 2 ** 30), runs),
    notes: [
      `${WHOLE} nacre cp is a whole process, too. ssh2: fastGet and fastPut. nacre and ssh2 are warm: they have moved the file once before. Goals: 1.0 of sftp with aes128-gcm and 0.7 with chacha20; 1.2 of ssh2.`,
    ],
  };
}

function shortTable(
  title: string,
  clients: readonly SftpContender[],
  files: number,
  runs: readonly FilesResults[],
): Table {
  return {
    title,
    head: ["client", ...columns("get files/s", "CPU ms/file"), ...columns("put files/s", "CPU ms/file")],
    rows: rows(clients, cellsFor(files, 0, files / 1000), runs),
    notes: [`${WHOLE} ssh2: 32 files at once; lftp: 8 connections. Goals: 3 times sftp, 1.3 times ssh2.`],
  };
}

function listTable(clients: readonly SftpContender[], names: number, results: FilesResults): Table {
  return {
    title: `Listing of ${names} names`,
    head: ["client", ...columns("names/s", "CPU µs/name")],
    rows: rows(clients, cellsFor(names, 0, names / 1e6), [results]),
    notes: [WHOLE],
  };
}

function checkNames(results: FilesResults, expected: number): void {
  for (const [{ name }, all] of results)
    for (const { names } of all)
      if (names !== expected) throw new Error(`list with ${name}: expected ${expected} names, got ${names}`);
}

/** Measures a long file on a path with high latency, next to an exec stream of Nacre. */
async function onSlowPath(common: Common, samples: Sample[]): Promise<Table> {
  const { bench, suite, rounds } = common;
  const bytes = Math.min(common.bench.sftp.bytes, MOST_ON_PATH, bench.bytes);
  const path = await startSlowPath({ bitsPerSecond: MBITS * 1e6, holdMs: ROUND_TRIP / 2, queueBytes: QUEUE });
  try {
    const target = await bench.serverIn(path.far);
    const { namespace } = path.near;
    const folders = await SftpFolders.make(shellOf(bench.target), { bytes, files: 1, names: 1, sparse: 1 });
    try {
      const run = (type: "get" | "put"): Promise<FilesResults> =>
        measure(
          {
            ...common,
            folders,
            target,
            namespace,
            type,
            source: SOURCES.long,
            warmUp: undefined,
            bytes,
            what: `${type} at ${ROUND_TRIP} ms`,
          },
          samples,
        );
      const exec = async (direction: "download" | "upload"): Promise<number[]> => {
        const speeds: number[] = [];
        for (let round = 1; round <= rounds; round++) {
          bench.progress(`sftp: ${direction} through exec at ${ROUND_TRIP} ms: round ${round} of ${rounds}`);
          const part = { target, bytes, payloadFile: bench.payloadFile };
          const { seconds } = await transfer(part, { ...nacre, namespace }, suite, direction, false);
          speeds.push(bytes / seconds / 1e6);
          samples.push({
            what: `${direction} through exec at ${ROUND_TRIP} ms`,
            suite: suite.name,
            client: nacre.name,
            seconds,
          });
        }
        return speeds;
      };
      const execSpeeds = [await exec("download"), await exec("upload")] as const;
      const runs = [await run("get"), await run("put")] as const;
      const cells = (contender: SftpContender, results: FilesResults, beside: readonly number[]): string[] => {
        const speeds = (results.get(contender) ?? []).map(({ seconds }) => bytes / seconds / 1e6);
        return [spread(speeds, 1), (median(speeds) / median(beside)).toFixed(2)];
      };
      return {
        title: `${bytes / 2 ** 20} MiB at ${ROUND_TRIP} ms and ${MBITS} Mbit/s, ${suite.name}`,
        head: ["client", "get MB/s", "vs. exec", "put MB/s", "vs. exec"],
        rows: [
          ["nacre, exec", spread(execSpeeds[0], 1), "1.00", spread(execSpeeds[1], 1), "1.00"],
          ...common.contenders.map((one) => [
            one.name,
            ...cells(one, runs[0], execSpeeds[0]),
            ...cells(one, runs[1], execSpeeds[1]),
          ]),
        ],
        notes: [
          "The libraries connect before the time starts; the windows grow within it. Goal: 0.9 of an exec stream.",
        ],
      };
    } finally {
      await folders.remove();
    }
  } finally {
    await path.close();
  }
}

/** Measures the memory of a transfer of a long sparse file, each in a new process. */
async function memory(common: Common, samples: Sample[]): Promise<Table> {
  const bytes = SPARSE_FACTOR * common.bench.sftp.bytes;
  const cells: string[] = [];
  for (const type of ["get", "put"] as const) {
    const options = {
      ...common,
      type,
      source: SOURCES.sparse,
      warmUp: undefined,
      bytes,
      rounds: 1,
      what: `${type} of a sparse file`,
    };
    const [result] = (await measure(options, samples)).get(nacre) ?? [];
    const { idleMiB = NaN, peakMiB = NaN } = result ?? {};
    cells.push(idleMiB.toFixed(0), peakMiB.toFixed(0), (peakMiB - idleMiB).toFixed(0));
  }
  return {
    title: `Memory of a transfer of ${bytes / 2 ** 30} GiB`,
    head: ["client", "get: idle MiB", "peak MiB", "difference", "put: idle MiB", "peak MiB", "difference"],
    rows: [[nacre.name, ...cells]],
    notes: ["Idle: connected, before the first transfer of the process. Goal: a difference of at most 64 MiB."],
  };
}
