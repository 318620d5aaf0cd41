import { type Case, devTunnels, nacre, nacreOnNoble, type Sample, ssh2NoDelay } from "../bench.ts";
import { once } from "../children.ts";
import { median, spread } from "../measure/table.ts";
import { type EchoResult, echoes } from "../tasks.ts";

const TIMEOUT = 60_000;

/** Measures small messages through `cat`: one at a time, like keystrokes, and 10,000 per second. */
export const smallCase: Case = {
  name: "small",
  what: "64-byte messages through `cat` over one channel: one at a time, and 10,000 per second",
  async run(bench) {
    const contenders = [nacre, nacreOnNoble, ssh2NoDelay, devTunnels].filter((one) => bench.takesPart(one));
    const { single: alone, stream: flow } = echoes;
    const samples: Sample[] = [];
    const results = new Map(contenders.map((one) => [one, { single: [] as EchoResult[], stream: [] as EchoResult[] }]));
    for (let round = 1; round <= bench.rounds; round++) {
      for (const contender of contenders) {
        for (const what of ["single", "stream"] as const) {
          bench.progress(`small: ${contender.name}, ${what}: round ${round} of ${bench.rounds}`);
          const result = await once(contender.program!, { target: bench.target, ...echoes[what] }, TIMEOUT);
          results.get(contender)?.[what].push(result);
          samples.push({ client: contender.name, what, messages: echoes[what].messages, ...result });
        }
      }
    }
    const table = {
      title: `Round trips of 64-byte messages through \`cat\`: one at a time (${alone.messages}), then ${flow.perSecond} per second (${flow.messages})`,
      head: ["client", "one: p50 ms", "p99 ms", "CPU µs each", "many: received/s", "p50 ms", "p99 ms", "CPU s/s"],
      rows: contenders.map((contender) => {
        const { single = [], stream = [] } = results.get(contender) ?? {};
        return [
          contender.name,
          spread(
            single.map(({ p50 }) => p50),
            3,
          ),
          middle(single, ({ p99 }) => p99, 3),
          middle(single, ({ cpuSeconds }) => (cpuSeconds / alone.messages) * 1e6, 0),
          middle(stream, ({ seconds }) => flow.messages / seconds, 0),
          middle(stream, ({ p50 }) => p50, 2),
          middle(stream, ({ p99 }) => p99, 2),
          middle(stream, ({ cpuSeconds, seconds }) => cpuSeconds / seconds, 2),
        ];
      }),
      notes: ["Each message is a separate write. The received bytes are compared with the sent ones."],
    };
    return { tables: [table], samples };
  },
};

function middle(all: readonly EchoResult[], value: (result: EchoResult) => number, digits: number): string {
  return median(all.map(value)).toFixed(digits);
}
