import { createHash } from "node:crypto";
import { type Bench, type Sample, transferTimeout } from "./bench.ts";
import type { Child } from "./children.ts";
import { payloadDigest } from "./payload.ts";
import { type Host, type House, hostsOf, nacreServer, ssh2Server, timed, withServer } from "./server-house.ts";
import { runSsh, type SshRun, type SshRunResult } from "./ssh-command.ts";
import { median, spread, type Table } from "./table.ts";
import { type Suite, suites, type Target } from "./tasks.ts";

type Direction = "out of" | "into";

interface Transfer {
  readonly seconds: number;
  /** Of the server. */
  readonly cpuSeconds: number;
}

/** One large file through exec, out of and into each server by OpenSSH's `ssh`, with each cipher. */
export async function serverBulk(bench: Bench, house: House, samples: Sample[]): Promise<readonly Table[]> {
  const hosts = hostsOf(bench, [nacreServer, ssh2Server]);
  const tables: Table[] = [];
  for (const suite of suites) {
    const out = await transfers(bench, house, hosts, suite, "out of", samples);
    const into = await transfers(bench, house, hosts, suite, "into", samples);
    tables.push(table(bench, hosts, suite, out, into));
  }
  return tables;
}

type Results = ReadonlyMap<Host, readonly Transfer[]>;

async function transfers(
  bench: Bench,
  house: House,
  hosts: readonly Host[],
  suite: Suite,
  direction: Direction,
  samples: Sample[],
): Promise<Results> {
  const results = new Map(hosts.map((host) => [host, [] as Transfer[]]));
  for (const { name, program } of hosts) {
    bench.progress(`server: ${suite.name} ${direction} ${name}: digest`);
    await withServer(house, program, (server, target) => move(bench, house, server, target, suite, direction, true));
  }
  for (let round = 1; round <= bench.rounds; round++) {
    for (const host of hosts) {
      bench.progress(`server: ${suite.name} ${direction} ${host.name}: round ${round} of ${bench.rounds}`);
      const result = await withServer(house, host.program, (server, target) =>
        move(bench, house, server, target, suite, direction, false),
      );
      results.get(host)?.push(result);
      samples.push({ measure: "bulk", suite: suite.name, direction, server: host.name, ...result });
    }
  }
  return results;
}

/** One transfer, without connecting and starting a command. */
async function move(
  bench: Bench,
  house: House,
  server: Child,
  target: Target,
  suite: Suite,
  direction: Direction,
  digest: boolean,
): Promise<Transfer> {
  const { bytes } = bench.server;
  const common = { target, suite, timeoutMs: transferTimeout(bytes) };
  const nothing = await timed(server, () => runSsh({ ...common, command: "true", output: "kept" }));
  const { verify, ...task } = direction === "into" ? into(house, bytes, digest) : out(bytes, digest);
  const run = await timed(server, () => runSsh({ ...common, ...task }));
  const fault = verify(run.result);
  if (fault !== undefined) throw new Error(`${suite.name}: ${fault}`);
  return without(run, nothing);
}

/** What `ssh` is to do, and what is wrong with how it went. */
type Check = Pick<SshRun, "command" | "output" | "inputFile"> & {
  readonly verify: (result: SshRunResult) => string | undefined;
};

function out(bytes: number, digest: boolean): Check {
  const command = `send ${bytes}`;
  if (digest) {
    const hash = createHash("sha256");
    const verify = (): string | undefined =>
      hash.digest("hex") === payloadDigest(bytes) ? undefined : "another payload arrived";
    return { command, output: hash, verify };
  }
  return {
    command,
    output: "counted",
    verify: ({ written }) => {
      // What the kernel counts are also the packets that it sent to the server, which are few.
      const extra = written - bytes;
      return extra >= 0 && extra < 65_536 + bytes / 50 ? undefined : `ssh wrote ${written} bytes, not ${bytes}`;
    },
  };
}

function into({ payloadFile }: House, bytes: number, digest: boolean): Check {
  const expected = `${bytes} ${digest ? payloadDigest(bytes) : "-"}\n`;
  return {
    command: digest ? "receive digest" : "receive",
    output: "kept",
    inputFile: payloadFile,
    verify: ({ stdout }) => (stdout === expected ? undefined : `the server received ${stdout}`),
  };
}

type Run = Awaited<ReturnType<typeof timed<SshRunResult>>>;

/** The transfer alone, without connecting and starting a command. Throws where too little was moved to tell. */
function without(whole: Run, nothing: Run): Transfer {
  const seconds = whole.result.seconds - nothing.result.seconds;
  const cpuSeconds = whole.cpuSeconds - nothing.cpuSeconds;
  if (!(seconds > 0 && cpuSeconds > 0)) throw new Error("the transfer took no longer than none: move more (--size)");
  return { seconds, cpuSeconds };
}

function table(bench: Bench, hosts: readonly Host[], suite: Suite, out: Results, into: Results): Table {
  const { bytes } = bench.server;
  const speeds = (results: Results, host: Host): number[] =>
    (results.get(host) ?? []).map(({ seconds }) => bytes / seconds / 1e6);
  const cells = (results: Results, host: Host): string[] => [
    spread(speeds(results, host), 0),
    hosts.includes(ssh2Server)
      ? `${(median(speeds(results, host)) / median(speeds(results, ssh2Server))).toFixed(2)} ×`
      : "–",
    spread(
      (results.get(host) ?? []).map(({ cpuSeconds }) => (cpuSeconds * 2 ** 30) / bytes),
      2,
    ),
  ];
  return {
    title: `${suite.name}, ${bytes / 2 ** 20} MiB to and from ssh`,
    head: ["server", "out MB/s", "of ssh2", "CPU s/GiB", "in MB/s", "of ssh2", "CPU s/GiB"],
    rows: hosts.map((host) => [host.name, ...cells(out, host), ...cells(into, host)]),
    notes: ["Goal: each way at least ssh2's. CPU is the server's."],
  };
}
