import { installPackages } from "@nacre/testing/openssh/debian";
import { run } from "@nacre/testing/openssh/run";
import type { Bench, Sample } from "../bench.ts";
import { transferTimeout } from "../bench.ts";
import { Child } from "../children.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { inTurn, type Runner } from "../measure/rounds.ts";
import { sshOptions } from "../measure/ssh-command.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { LIBRARY, nacreCommand } from "./clients.ts";

/** Measures a download through `socat` as ProxyCommand, beside one over plain TCP. Installs `socat` if it is missing. */
export async function throughCommand(bench: Bench, samples: Sample[]): Promise<Table> {
  if ((await run(["socat", "-V"])).status !== 0) await installPackages(["socat"]);
  const { bytes, target } = bench;
  const proxyCommand = `socat - TCP:${target.host}:${target.port}`;
  const timeoutMs = transferTimeout(bytes);
  const child = new Child(LIBRARY);
  const library =
    (through: string | undefined): Runner["run"] =>
    async () => {
      const task = { kind: "through", target, proxyCommand: through, bytes } as const;
      const done = await child.perform(task, timeoutMs);
      if (done.bytes !== bytes) throw new Error(`expected ${bytes} bytes, got ${done.bytes}`);
      return bytes / 1e6 / done.seconds;
    };
  const process =
    (program: readonly string[]) =>
    (through: string | undefined): Runner["run"] =>
    async () => {
      const options = through === undefined ? [] : ["-o", `ProxyCommand=${through}`];
      const words = [...program, "-F", "none", "-T", "-p", String(target.port), "-l", target.user, ...options];
      const command = [...words, ...sshOptions(target, undefined), target.host, `head -c ${bytes} payload`];
      const { seconds } = await runMeasured({ command, output: "counted", timeoutMs });
      return bytes / 1e6 / seconds;
    };
  try {
    const clients: [string, (through: string | undefined) => Runner["run"]][] = [
      ["nacre", library],
      ["nacre as a command", process(nacreCommand("ssh"))],
      ["ssh", process(["ssh"])],
    ];
    const runners = clients.flatMap(([name, runnerOf]) => [
      { name, run: runnerOf(undefined) },
      { name: `${name}, socat`, run: runnerOf(proxyCommand) },
    ]);
    const results = await inTurn(bench, "ways: ProxyCommand", runners, { warmUp: 1, count: bench.rounds });
    for (const [row, all] of results) for (const speed of all) samples.push({ what: "ProxyCommand", row, speed });
    const row = (client: string): string[] => {
      const [plain = [], through = []] = [results.get(client), results.get(`${client}, socat`)];
      const ratios = through.map((speed, round) => speed / (plain[round] ?? Number.NaN));
      return [client, spread(plain, 0), spread(through, 0), median(ratios).toFixed(2)];
    };
    return {
      title: `${bytes / 2 ** 20} MiB down, over TCP and through \`socat\` as ProxyCommand`,
      head: ["client", "TCP MB/s", "socat MB/s", "ratio"],
      rows: clients.map(([name]) => row(name)),
      notes: ["Goal: a ratio of 0.8, or that of ssh. The speed of a command includes its start and its login."],
    };
  } finally {
    await child.end();
  }
}
