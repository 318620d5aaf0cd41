import type { Bench, Sample } from "../bench.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { cells, inTurn, type Runner } from "../measure/rounds.ts";
import type { Table } from "../measure/table.ts";
import { nacreCommand } from "./clients.ts";
import { writeConfig } from "./host-blocks.ts";

const TIMEOUT = 20_000;

/** Measures what a configuration file costs a command: `-G` beside `-V`, and the first byte of a command with a file beside `-F none`. */
export async function starts(bench: Bench, folder: string, samples: Sample[]): Promise<Table> {
  const { target } = bench;
  const file = await writeConfig(folder, [{ name: "target", target }], 100);
  const none = await writeConfig(folder, [{ name: "target", target }]);
  const runners = [
    { name: "nacre --version", run: command(["--version"], nacreCommand("main")) },
    { name: "nacre -G, 100 blocks", run: command(["-G", "-F", file, "target"]) },
    { name: "echo ok, one block", run: command(["-F", none, "target", "echo", "ok"]) },
    { name: "echo ok, 100 blocks", run: command(["-F", file, "target", "echo", "ok"]) },
    { name: "ssh: echo ok, one block", run: command(["-F", none, "target", "echo", "ok"], ["ssh"]) },
    { name: "ssh: echo ok, 100 blocks", run: command(["-F", file, "target", "echo", "ok"], ["ssh"]) },
  ];
  const results = await inTurn(bench, "ways: starts", runners, { warmUp: 1, count: bench.connects });
  for (const [row, all] of results) for (const ms of all) samples.push({ what: "start", row, ms });
  const beside = ["nacre --version", "nacre --version", "echo ok, one block", "echo ok, one block"];
  beside.push("ssh: echo ok, one block", "ssh: echo ok, one block");
  return {
    title: "Time from the start of a process to its first output, with configuration files",
    head: ["command", "ms", "vs. the row before"],
    rows: runners.map(({ name }, at) => [name, ...cells(results, name, beside[at]!, 0)]),
    notes: ["Goals: `-G` at most 1.5 of `--version`; 100 blocks at most 1.1 of one."],
  };
}

/** Returns a function that runs a command, by default Nacre's `ssh`, and resolves with the time to its first output. */
function command(args: readonly string[], program: readonly string[] = nacreCommand("ssh")): Runner["run"] {
  return async () => {
    const words = [...program, ...args];
    const { firstMs, seconds } = await runMeasured({ command: words, output: "kept", timeoutMs: TIMEOUT });
    return firstMs ?? seconds * 1000;
  };
}
