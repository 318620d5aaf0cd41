import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Case, nacre, type Sample, sshCommand } from "../bench.ts";
import { logins } from "./agents.ts";
import { jumps } from "./jumps.ts";
import { throughCommand } from "./proxy-command.ts";
import { starts } from "./starts.ts";

/** Measures what stands between a command and its host: configuration files, jump hosts, a ProxyCommand, an agent. */
export const waysCase: Case = {
  name: "ways",
  what: "configuration files, two jump hosts at 40 ms each, a ProxyCommand, an agent: next to ssh",
  async run(bench) {
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-ways-"));
    const samples: Sample[] = [];
    if (!bench.takesPart(nacre) || !bench.takesPart(sshCommand)) return { tables: [], samples };
    try {
      const tables = [
        await starts(bench, folder, samples),
        await jumps(bench, folder, samples),
        await throughCommand(bench, samples),
        await logins(bench, folder, samples),
      ];
      return { tables, samples };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
