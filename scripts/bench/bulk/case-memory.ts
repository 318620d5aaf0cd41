import { type Case, nacre, type Sample, ssh2AsInstalled, ssh2NoDelay, transferTimeout } from "../bench.ts";
import { once } from "../children.ts";
import { spread } from "../measure/table.ts";
import { type MemoryResult, suites } from "../tasks.ts";

/** Goal for the memory that Nacre uses beyond an idle connection, in MiB. */
const GOAL = 64;

/** Measures the resident memory of a download with a slow reader, compared with an idle connection. */
export const memoryCase: Case = {
  name: "memory",
  what: "memory of a download with a slow reader, compared with an idle connection",
  async run(bench) {
    const contenders = [nacre, ssh2AsInstalled, ssh2NoDelay].filter((one) => bench.takesPart(one));
    const samples: Sample[] = [];
    const suite = suites[2];
    const results = new Map(contenders.map((contender) => [contender, [] as MemoryResult[]]));
    for (let round = 1; round <= bench.rounds; round++) {
      for (const contender of contenders) {
        if (contender.program === undefined) continue;
        bench.progress(`memory: ${contender.name}: round ${round} of ${bench.rounds}`);
        const { target, bytes } = bench;
        const result = await once(contender.program, { kind: "memory", target, suite, bytes }, transferTimeout(bytes));
        if (result.bytes !== bytes)
          throw new Error(`slow download with ${contender.name}: expected ${bytes} bytes, got ${result.bytes}`);
        results.get(contender)?.push(result);
        samples.push({ client: contender.name, suite: suite.name, ...result });
      }
    }
    const table = {
      title: `Resident memory, ${suite.name}, ${bench.bytes / 2 ** 20} MiB with a reader that pauses after every 8 MiB`,
      head: ["client", "idle MiB", "peak MiB", "difference", "seconds"],
      rows: contenders.map((contender) => {
        const all = results.get(contender) ?? [];
        return [
          contender.name,
          spread(
            all.map(({ idleMiB }) => idleMiB),
            0,
          ),
          spread(
            all.map(({ peakMiB }) => peakMiB),
            0,
          ),
          spread(
            all.map(({ idleMiB, peakMiB }) => peakMiB - idleMiB),
            0,
          ),
          spread(
            all.map(({ seconds }) => seconds),
            1,
          ),
        ];
      }),
      notes: ["Idle: connected, after one command.", `Goal for the difference: at most ${GOAL} MiB.`],
    };
    return { tables: [table], samples };
  },
};
