import { createHash } from "node:crypto";
import {
  type Bench,
  type Case,
  type Contender,
  devTunnels,
  nacre,
  nacreOnNoble,
  nacrePortable,
  nacreWebStreams,
  offers,
  type Sample,
  ssh2Addon,
  ssh2AsInstalled,
  ssh2NoDelay,
  sshCommand,
  transferTimeout,
} from "../bench.ts";
import { once } from "../children.ts";
import { runSsh } from "../measure/ssh-command.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { printedBy, type Suite, suites, type TransferResult, uploadCommand } from "../tasks.ts";
import { payloadDigest } from "./payload.ts";

export type Direction = "download" | "upload";

/** Measures one large file through exec, in both directions and with each cipher: speed, CPU time and peak memory of the client. */
export const bulkCase: Case = {
  name: "bulk",
  what: "one large file through exec, in each direction and with each cipher: speed, CPU time, peak memory",
  async run(bench) {
    const others = [ssh2AsInstalled, ssh2NoDelay, ssh2Addon, devTunnels, sshCommand];
    const samples: Sample[] = [];
    const tables: Table[] = [];
    for (const suite of suites) {
      // With the other ciphers this contender is the same as noble alone.
      const portable = suite.cipher === "chacha20-poly1305@openssh.com" ? [nacrePortable] : [];
      const all = [nacre, nacreWebStreams, ...portable, nacreOnNoble, ...others];
      const contenders = all.filter((one) => bench.takesPart(one));
      const able = contenders.filter((one) => offers(one, suite.cipher));
      const down = await transfers(bench, able, suite, "download", samples);
      const up = await transfers(bench, able, suite, "upload", samples);
      tables.push(table(bench, contenders, suite, down, up));
    }
    return { tables, samples };
  },
};

type Results = ReadonlyMap<Contender, readonly TransferResult[]>;

async function transfers(
  bench: Bench,
  contenders: readonly Contender[],
  suite: Suite,
  direction: Direction,
  samples: Sample[],
): Promise<Results> {
  const expected = payloadDigest(bench.bytes);
  for (const contender of contenders) {
    bench.progress(`bulk: ${suite.name} ${direction}, ${contender.name}: digest`);
    const { sha256 } = await transfer(bench, contender, suite, direction, true);
    if (sha256 !== expected)
      throw new Error(
        `${direction} with ${contender.name}, ${suite.name}: expected SHA-256 ${expected}, got ${sha256}`,
      );
  }
  const results = new Map(contenders.map((contender) => [contender, [] as TransferResult[]]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const contender of contenders) {
      bench.progress(`bulk: ${suite.name} ${direction}, ${contender.name}: round ${round} of ${bench.rounds}`);
      const result = await transfer(bench, contender, suite, direction, false);
      if (result.bytes !== bench.bytes)
        throw new Error(
          `${direction} with ${contender.name}, ${suite.name}: expected ${bench.bytes} bytes, got ${result.bytes}`,
        );
      results.get(contender)?.push(result);
      samples.push({ suite: suite.name, direction, client: contender.name, ...result });
    }
  }
  return results;
}

/** Runs and times one transfer. Hashes the received bytes if `digest` is set, and counts them otherwise. */
export function transfer(
  bench: Pick<Bench, "target" | "bytes" | "payloadFile">,
  contender: Contender,
  suite: Suite,
  direction: Direction,
  digest: boolean,
): Promise<TransferResult> {
  const { target, bytes } = bench;
  const { program, namespace } = contender;
  if (program === undefined) return withSsh(bench, suite, direction, digest, namespace);
  return once(program, { kind: direction, target, suite, bytes, digest }, transferTimeout(bytes), namespace);
}

/** Times a transfer of the `ssh` command. Measures the whole process, and subtracts the time of a login that only runs `true`. */
async function withSsh(
  bench: Pick<Bench, "target" | "bytes" | "payloadFile">,
  suite: Suite,
  direction: Direction,
  digest: boolean,
  namespace: string | undefined,
): Promise<TransferResult> {
  const { target, bytes, payloadFile } = bench;
  const common = { target, suite, timeoutMs: transferTimeout(bytes), namespace };
  const nothing = await runSsh({ ...common, command: "true", output: "kept" });
  const hash = createHash("sha256");
  const run =
    direction === "download"
      ? await runSsh({ ...common, command: `head -c ${bytes} payload`, output: digest ? hash : "counted" })
      : await runSsh({ ...common, command: uploadCommand(digest), inputFile: payloadFile, output: "kept" });
  const arrived = direction === "upload" ? printedBy(run.stdout, digest) : undefined;
  // The kernel's count of written bytes includes the packets sent to the server, which are few in a download.
  const extra = run.written - bytes;
  if (run.seconds <= nothing.seconds)
    throw new Error(
      `ssh took longer to log in than for a login and ${bytes} bytes; use a larger --size, or a machine with less load`,
    );
  const downloaded = extra >= 0 && extra < 65_536 + bytes / 50 ? bytes : run.written;
  return {
    bytes: digest ? undefined : (arrived?.bytes ?? downloaded),
    sha256: digest ? (arrived?.sha256 ?? hash.digest("hex")) : undefined,
    seconds: run.seconds - nothing.seconds,
    cpuSeconds: run.cpuSeconds - nothing.cpuSeconds,
    peakMiB: run.peakMiB,
  };
}

function table(bench: Bench, contenders: readonly Contender[], suite: Suite, down: Results, up: Results): Table {
  const perGiB = 2 ** 30 / bench.bytes;
  const speeds = (results: Results, contender: Contender): number[] =>
    (results.get(contender) ?? []).map(({ seconds }) => bench.bytes / seconds / 1e6);
  const cells = (results: Results, contender: Contender): string[] => {
    const all = results.get(contender);
    if (all === undefined) return ["not offered", "–", "–", "–"];
    const best = Math.max(
      ...[...results.keys()].filter(({ otherLibrary }) => otherLibrary).map((other) => median(speeds(results, other))),
    );
    return [
      spread(speeds(results, contender), 0),
      Number.isFinite(best) ? `${(median(speeds(results, contender)) / best).toFixed(2)} ×` : "–",
      spread(
        all.map(({ cpuSeconds }) => cpuSeconds * perGiB),
        2,
      ),
      median(all.map(({ peakMiB }) => peakMiB)).toFixed(0),
    ];
  };
  return {
    title: `${suite.name}, ${bench.bytes / 2 ** 20} MiB through exec`,
    head: [
      "client",
      "down MB/s",
      "vs. best other library",
      "CPU s/GiB",
      "peak MiB",
      "up MB/s",
      "vs. best other library",
      "CPU s/GiB",
      "peak MiB",
    ],
    rows: contenders.map((contender) => [contender.name, ...cells(down, contender), ...cells(up, contender)]),
  };
}
