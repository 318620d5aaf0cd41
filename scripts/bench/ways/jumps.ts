import type { Bench, Sample } from "../bench.ts";
import { Child } from "../children.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { cells, inTurn, type Runner } from "../measure/rounds.ts";
import type { Table } from "../measure/table.ts";
import { startSlowPath } from "../path/slow-path.ts";
import { LIBRARY, nacreCommand } from "./clients.ts";
import { writeConfig } from "./host-blocks.ts";
import type { JumpTask } from "./ways-tasks.ts";

const TIMEOUT = 30_000;
/** Round-trip time of each hop in milliseconds. */
const ROUND_TRIP = 40;
const MBITS = 500;
const QUEUE = (MBITS * 1e6 * ROUND_TRIP) / 8000;

/**
 * Measures the time to the end of `echo ok` on a host behind two jump hosts. One path serves all three hops: the servers stand at its far,
 * near and far end, so that each hop crosses it.
 */
export async function jumps(bench: Bench, folder: string, samples: Sample[]): Promise<Table> {
  const path = await startSlowPath({ bitsPerSecond: MBITS * 1e6, holdMs: ROUND_TRIP / 2, queueBytes: QUEUE });
  const { namespace } = path.near;
  const child = new Child(LIBRARY, namespace);
  try {
    const [first, second, target] = [
      await bench.serverIn(path.far),
      await bench.serverIn(path.near),
      await bench.serverIn(path.far),
    ];
    const config = await writeConfig(folder, [
      { name: "first", target: first },
      { name: "second", target: second, jump: "first" },
      { name: "target", target, jump: "second" },
    ]);
    const inProcess =
      (way: JumpTask["way"]): Runner["run"] =>
      async () =>
        (await child.perform({ kind: "jump", way }, TIMEOUT)).ms;
    const command =
      (program: readonly string[]): Runner["run"] =>
      async () => {
        const words = [...program, "-F", config, "target", "echo", "ok"];
        const ended = await runMeasured({ command: words, output: "kept", timeoutMs: TIMEOUT, namespace });
        if (ended.stdout !== "ok\n") throw new Error(`${program.at(-1)} printed ${JSON.stringify(ended.stdout)}`);
        return ended.seconds * 1000;
      };
    const runners = [
      { name: "ssh", run: command(["ssh"]) },
      { name: "nacre, warm process", run: inProcess({ hops: [first, second], target }) },
      { name: "nacre, warm process, configuration", run: inProcess({ config, host: "target" }) },
      { name: "nacre as a command", run: command(nacreCommand("ssh")) },
    ];
    const results = await inTurn(bench, "ways: jumps", runners, { warmUp: 2, count: 10 });
    for (const [row, all] of results) for (const ms of all) samples.push({ what: "jumps", row, ms });
    return {
      title: `Time to the end of \`echo ok\` behind two jump hosts, with a round-trip time of ${ROUND_TRIP} ms for each hop`,
      head: ["client", "ms", "vs. ssh"],
      rows: runners.map(({ name }) => [name, ...cells(results, name, "ssh", 0)]),
      notes: [
        "ssh and the command are new processes each time. Goals: 0.65 of ssh in a warm process, 0.85 as a command.",
      ],
    };
  } finally {
    await child.end();
    await path.close();
  }
}
