import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import { type Case, type Sample, transferTimeout } from "../bench.ts";
import { type MeasuredRunResult, runMeasured } from "../measure/measured-command.ts";
import { median, spread } from "../measure/table.ts";
import { nacreCommand } from "../ways/clients.ts";

/** A command line to measure, and the row to compare it with. */
interface Runner {
  readonly name: string;
  readonly command: readonly string[];
  readonly input: "file" | "none";
  readonly beside: string;
}

/** Measures `nacre keygen -Y` beside `ssh-keygen -Y` with a long file. */
export const signedFilesCase: Case = {
  name: "signed-files",
  what: "signing and verifying a long file: `nacre keygen -Y` beside `ssh-keygen -Y`, speed and memory",
  async run(bench) {
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-signed-"));
    try {
      const { bytes } = bench.sftp;
      const [key, file, signers] = ["key", "file", "signers"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const signature = `${file}.sig`;
      await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", key]);
      await writeFile(signers, `bench ${await readFile(`${key}.pub`, "utf8")}`);
      // Holes in the file: its content does not matter to the hash, and no disk limits the speed.
      const handle = await open(file, "w");
      await handle.truncate(bytes);
      await handle.close();
      const programs = [
        { name: "nacre keygen", words: [...nacreCommand("main"), "keygen"] },
        { name: "ssh-keygen", words: ["ssh-keygen"] },
      ];
      const runners = programs.flatMap(({ name, words }): Runner[] => [
        {
          name: `${name} -Y sign`,
          command: [...words, "-Y", "sign", "-q", "-f", key, "-n", "file", file],
          input: "none",
          beside: "ssh-keygen -Y sign",
        },
        {
          name: `${name} -Y verify`,
          command: [...words, "-Y", "verify", "-f", signers, "-I", "bench", "-n", "file", "-s", signature],
          input: "file",
          beside: "ssh-keygen -Y verify",
        },
      ]);
      const samples: Sample[] = [];
      const results = new Map(runners.map(({ name }) => [name, [] as MeasuredRunResult[]]));
      for (let round = 1; round <= bench.rounds; round++)
        for (const { name, command, input } of runners) {
          bench.progress(`signed-files: ${name}: round ${round} of ${bench.rounds}`);
          // ssh-keygen asks before it replaces a signature.
          if (input === "none") await rm(signature, { force: true });
          const inputFile = input === "file" ? file : undefined;
          const ended = await runMeasured({ command, inputFile, output: "kept", timeoutMs: transferTimeout(bytes) });
          if (input === "file" && !ended.stdout.startsWith('Good "file" signature for bench'))
            throw new Error(`${name} printed ${JSON.stringify(ended.stdout)}`);
          results.get(name)?.push(ended);
          const { seconds, cpuSeconds, peakMiB } = ended;
          samples.push({ row: name, bytes, seconds, cpuSeconds, peakMiB });
        }
      const speeds = (name: string): number[] => (results.get(name) ?? []).map(({ seconds }) => bytes / seconds / 1e6);
      const table = {
        title: `A file of ${bytes / 2 ** 20} MiB, SHA-512, Ed25519; whole processes`,
        head: ["command", "MB/s", "vs. ssh-keygen", "CPU s", "peak MiB"],
        rows: runners.map(({ name, beside }) => {
          const all = results.get(name) ?? [];
          const ratios = speeds(name).map((speed, round) => speed / speeds(beside)[round]!);
          return [
            name,
            spread(speeds(name), 0),
            name === beside ? "" : `${median(ratios).toFixed(2)} ×`,
            spread(
              all.map(({ cpuSeconds }) => cpuSeconds),
              2,
            ),
            spread(
              all.map(({ peakMiB }) => peakMiB),
              0,
            ),
          ];
        }),
        notes: [
          "Verifying reads standard input. Goals: at least 0.8 of ssh-keygen's speed, memory independent of the file's size.",
        ],
      };
      return { tables: [table], samples };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
