import { createHash } from "node:crypto";
import { type Bench, type Sample, transferTimeout } from "../bench.ts";
import { payloadDigest } from "../bulk/payload.ts";
import type { Child } from "../children.ts";
import type { MeasuredRunResult } from "../measure/measured-command.ts";
import { runSsh, type SshRun } from "../measure/ssh-command.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { type Suite, suites, type Target } from "../tasks.ts";
import { type Host, hostsOf, nacreServer, type ServerSetup, ssh2Server, timed, withServer } from "./server-hosts.ts";

type Direction = "out of" | "into";

interface Transfer {
  readonly seconds: number;
  /** CPU time of the server. */
  readonly cpuSeconds: number;
}

/** Measures transfers of one large file between each server and OpenSSH's `ssh`, in both directions and with each cipher. */
export async function serverBulk(bench: Bench, setup: ServerSetup, samples: Sample[]): Promise<readonly Table[]> {
  const hosts = hostsOf(bench, [nacreServer, ssh2Server]);
  const tables: Table[] = [];
  for (const suite of suites) {
    const out = await transfers(bench, setup, hosts, suite, "out of", samples);
    const into = await transfers(bench, setup, hosts, suite, "into", samples);
    tables.push(table(bench, hosts, suite, out, into));
  }
  return tables;
}

type Results = ReadonlyMap<Host, readonly Transfer[]>;

async function transfers(
  bench: Bench,
  setup: ServerSetup,
  hosts: readonly Host[],
  suite: Suite,
  direction: Direction,
  samples: Sample[],
): Promise<Results> {
  const results = new Map(hosts.map((host) => [host, [] as Transfer[]]));
  for (const { name, program } of hosts) {
    bench.progress(`server: ${suite.name} ${direction} ${name}: digest`);
    await withServer(setup, program, (server, target) => move(bench, setup, server, target, suite, direction, true));
  }
  for (let round = 1; round <= bench.rounds; round++) {
    for (const host of hosts) {
      bench.progress(`server: ${suite.name} ${direction} ${host.name}: round ${round} of ${bench.rounds}`);
      const result = await withServer(setup, host.program, (server, target) =>
        move(bench, setup, server, target, suite, direction, false),
      );
      results.get(host)?.push(result);
      samples.push({ measure: "bulk", suite: suite.name, direction, server: host.name, ...result });
    }
  }
  return results;
}

/** Measures one transfer, without the time to connect and to start a command. */
async function move(
  bench: Bench,
  setup: ServerSetup,
  server: Child,
  target: Target,
  suite: Suite,
  direction: Direction,
  digest: boolean,
): Promise<Transfer> {
  const { bytes } = bench.server;
  const common = { target, suite, timeoutMs: transferTimeout(bytes) };
  const nothing = await timed(server, () => runSsh({ ...common, command: "true", output: "kept" }));
  const { verify, ...task } = direction === "into" ? into(setup, bytes, digest) : out(bytes, digest);
  const run = await timed(server, () => runSsh({ ...common, ...task }));
  const fault = verify(run.result);
  if (fault !== undefined) throw new Error(`${suite.name}: ${fault}`);
  return without(run, nothing);
}

/** A command for `ssh`, with a function that returns an error message if the result is wrong. */
type Check = Pick<SshRun, "command" | "output" | "inputFile"> & {
  readonly verify: (result: MeasuredRunResult) => string | undefined;
};

function out(bytes: number, digest: boolean): Check {
  const command = `send ${bytes}`;
  if (digest) {
    const hash = createHash("sha256");
    const verify = (): string | undefined =>
      hash.digest("hex") === payloadDigest(bytes) ? undefined : "received data differs from the payload";
    return { command, output: hash, verify };
  }
  return {
    command,
    output: "counted",
    verify: ({ written }) => {
      // The kernel's count of written bytes includes the few packets that ssh sent to the server.
      const extra = written - bytes;
      return extra >= 0 && extra < 65_536 + bytes / 50 ? undefined : `expected ${bytes} bytes from ssh, got ${written}`;
    },
  };
}

function into({ payloadFile }: ServerSetup, bytes: number, digest: boolean): Check {
  const expected = `${bytes} ${digest ? payloadDigest(bytes) : "-"}\n`;
  return {
    command: digest ? "receive digest" : "receive",
    output: "kept",
    inputFile: payloadFile,
    verify: ({ stdout }) =>
      stdout === expected ? undefined : `expected ${expected.trimEnd()} from the server, got ${stdout.trimEnd()}`,
  };
}

type Run = Awaited<ReturnType<typeof timed<MeasuredRunResult>>>;

/** Subtracts the time of a login that only runs `true`. Throws if the transfer is too short to be measured. */
function without(whole: Run, nothing: Run): Transfer {
  const seconds = whole.result.seconds - nothing.result.seconds;
  const cpuSeconds = whole.cpuSeconds - nothing.cpuSeconds;
  if (!(seconds > 0 && cpuSeconds > 0))
    throw new Error("the transfer took no longer than a login without one; use a larger --size");
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
    head: ["server", "out MB/s", "vs. ssh2", "CPU s/GiB", "in MB/s", "vs. ssh2", "CPU s/GiB"],
    rows: hosts.map((host) => [host.name, ...cells(out, host), ...cells(into, host)]),
    notes: ["Goal: in each direction at least ssh2's speed. CPU time is the server's."],
  };
}
