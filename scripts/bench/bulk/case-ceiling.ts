import { type Bench, type Case, nacreOnNoble, type Sample, transferTimeout } from "../bench.ts";
import { once } from "../children.ts";
import { spread, type Table } from "../measure/table.ts";
import { type Suite, suites } from "../tasks.ts";

/**
 * Sizes in MiB that take about six seconds, for a run with bulk transfers of 256 MiB. In shorter transfers, the slow start before V8
 * compiles the code has too much weight.
 */
const ENOUGH = { "aes128-ctr": 384, "aes256-gcm@openssh.com": 320, "chacha20-poly1305@openssh.com": 768 } as const;
/** Goal for the speed of a bulk transfer on noble, relative to noble alone. */
const GOAL = 0.9;

interface Time {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

interface Step {
  readonly name: string;
  readonly direction: "open" | "seal";
  readonly run: () => Promise<Time>;
}

/**
 * Measures the speed of noble's cipher and MAC alone on packets of 32 KiB, of Nacre's packet layer with them, and of a transfer on noble.
 * The client of a download only opens packets; the client of an upload only seals them.
 */
export const ceilingCase: Case = {
  name: "ceiling",
  what: "speed of noble's cipher and MAC on packets of 32 KiB, of Nacre's packet layer with them, and of a transfer",
  longest: (bytes) => Math.max(...suites.map((suite) => bytesFor(suite, bytes))),
  async run(bench) {
    const samples: Sample[] = [];
    const tables: Table[] = [];
    for (const suite of suites) tables.push(await ceilingOf(bench, suite, bytesFor(suite, bench.bytes), samples));
    return { tables, samples };
  },
};

/** Returns the size for a cipher in bytes, in proportion to `bytes`, the size of a bulk transfer; at most 1 GiB. */
function bytesFor({ cipher }: (typeof suites)[number], bytes: number): number {
  return Math.min((ENOUGH[cipher] * bytes) / 256, 2 ** 30);
}

async function ceilingOf(bench: Bench, suite: Suite, bytes: number, samples: Sample[]): Promise<Table> {
  const timeout = transferTimeout(bytes);
  const steps: Step[] = [];
  for (const direction of ["open", "seal"] as const) {
    for (const layer of ["noble", "packets"] as const) {
      const run = (): Promise<Time> =>
        once({ file: "child-ceiling" }, { kind: "ceiling", suite, direction, layer, bytes }, timeout);
      steps.push({ name: layer === "noble" ? "noble alone" : "packet layer in memory", direction, run });
    }
    const { program } = nacreOnNoble;
    if (program === undefined || !bench.takesPart(nacreOnNoble)) continue;
    const kind = direction === "open" ? "download" : "upload";
    const run = async (): Promise<Time> => {
      const { target } = bench;
      const result = await once(program, { kind, target, suite, bytes, digest: false }, timeout);
      if (result.bytes !== bytes)
        throw new Error(`${kind}, ${suite.name}: expected ${bytes} bytes, got ${result.bytes}`);
      return result;
    };
    steps.push({ name: `${kind} from OpenSSH`.replace("upload from", "upload to"), direction, run });
  }

  const times = new Map(steps.map((step) => [step, [] as Time[]]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const step of steps) {
      bench.progress(`ceiling: ${suite.name} ${step.direction}, ${step.name}: round ${round} of ${bench.rounds}`);
      const { seconds, cpuSeconds } = await step.run();
      times.get(step)?.push({ seconds, cpuSeconds });
      samples.push({ suite: suite.name, direction: step.direction, what: step.name, bytes, seconds, cpuSeconds });
    }
  }

  const speeds = (step: Step, time: keyof Time): number[] =>
    (times.get(step) ?? []).map((one) => bytes / one[time] / 1e6);
  return {
    title: `${suite.name} on noble, ${bytes / 2 ** 20} MiB in packets of 32 KiB`,
    head: ["", "MB/s", "vs. noble alone", "MB per CPU second", "vs. noble alone"],
    rows: steps.map((step) => {
      const ceiling = steps.find(({ direction }) => direction === step.direction) ?? step;
      // Ratios within a round, as the speed of the machine may change between rounds.
      const ratios = (time: keyof Time): string => {
        const ceilings = speeds(ceiling, time);
        const ratio = speeds(step, time).map((speed, round) => speed / (ceilings[round] ?? Number.NaN));
        return step === ceiling ? "1" : spread(ratio, 2);
      };
      return [
        `${step.direction}: ${step.name}`,
        spread(speeds(step, "seconds"), 1),
        ratios("seconds"),
        spread(speeds(step, "cpuSeconds"), 1),
        ratios("cpuSeconds"),
      ];
    }),
    notes: [`Goal for both transfers: at least ${GOAL} of noble alone.`],
  };
}
