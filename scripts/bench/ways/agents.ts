import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import type { Bench, Sample } from "../bench.ts";
import { Child } from "../children.ts";
import type { Table } from "../measure/table.ts";
import { LIBRARY } from "./clients.ts";
import { cells, inTurn, type Runner } from "./rounds.ts";

const TIMEOUT = 20_000;

/** Measures a login with a key file, and with the same key in OpenSSH's agent. */
export async function logins(bench: Bench, folder: string, samples: Sample[]): Promise<Table> {
  const { target } = bench;
  const socket = join(folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "inherit"] });
  await once(agent.stdout, "data");
  const child = new Child(LIBRARY);
  const logIn =
    (path: string | undefined): Runner["run"] =>
    async () =>
      (await child.perform({ kind: "login", target, agent: path }, TIMEOUT)).ms;
  try {
    await must(["env", `SSH_AUTH_SOCK=${socket}`, "ssh-add", "-q", target.keyFile]);
    const runners = [
      { name: "key file", run: logIn(undefined) },
      { name: "ssh-agent", run: logIn(socket) },
    ];
    const results = await inTurn(bench, "agents", runners, { warmUp: 5, count: bench.connects });
    for (const [row, all] of results) for (const ms of all) samples.push({ what: "login", row, ms });
    return {
      title: "Time of a login with an Ed25519 key, in one warm process",
      head: ["key", "ms", "vs. key file"],
      rows: runners.map(({ name }) => [name, ...cells(results, name, "key file", 1)]),
      notes: ["With an agent: bind, list and sign. Goal: at most 3 ms more than with the file."],
    };
  } finally {
    await child.end();
    agent.kill();
  }
}
