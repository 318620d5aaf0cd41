import { type Case, type Contender, devTunnels, nacre, nacreOnNoble, type Sample, ssh2NoDelay } from "../bench.ts";
import { Child } from "../children.ts";
import { median, spread } from "../measure/table.ts";
import type { ManyResult } from "../tasks.ts";

const COUNTS = [1, 10, 100];
const TIMEOUT = 60_000;

/** Measures concurrent connections in one process. Each runs `echo ok`. */
export const manyCase: Case = {
  name: "many",
  what: "1, 10 and 100 concurrent connections in one warm process, each with one `echo ok`, until all are closed",
  async run(bench) {
    const contenders = [nacre, nacreOnNoble, ssh2NoDelay, devTunnels].filter((one) => bench.takesPart(one));
    const clients = contenders.map((contender) => ({ contender, child: new Child(contender.program!) }));
    const samples: Sample[] = [];
    const results = new Map<string, ManyResult[]>();
    try {
      for (let round = 0; round <= bench.rounds; round++) {
        for (const connections of COUNTS) {
          for (const { contender, child } of clients) {
            bench.progress(`many: ${connections} connections, ${contender.name}: round ${round} of ${bench.rounds}`);
            const result = await child.perform({ kind: "many", target: bench.target, connections }, TIMEOUT);
            // The first round is a warm-up.
            if (round === 0) continue;
            const of = key(contender, connections);
            results.set(of, [...(results.get(of) ?? []), result]);
            samples.push({ client: contender.name, connections, ...result });
          }
        }
      }
    } finally {
      await Promise.all(clients.map(({ child }) => child.end()));
    }
    const table = {
      title:
        "Concurrent connections in one process, each with one `echo ok`: total time, and the client's CPU time per connection",
      head: ["client", ...COUNTS.flatMap((count) => [`${count}: ms`, "CPU ms each"])],
      rows: contenders.map((contender) => [
        contender.name,
        ...COUNTS.flatMap((connections) => {
          const all = results.get(key(contender, connections)) ?? [];
          const ms = all.map((one) => one.ms);
          return [spread(ms, 0), median(all.map(({ cpuMs }) => cpuMs / connections)).toFixed(1)];
        }),
      ]),
      notes: ["The server runs on the same machine and does most of the work."],
    };
    return { tables: [table], samples };
  },
};

function key({ name }: Contender, connections: number): string {
  return `${name} ${connections}`;
}
