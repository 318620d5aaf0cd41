import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import type { Bench, Sample } from "../bench.ts";
import { Child } from "../children.ts";
import { cells, inTurn, type Runner } from "../measure/rounds.ts";
import type { Table } from "../measure/table.ts";
import { LIBRARY } from "./clients.ts";

const TIMEOUT = 20_000;
/** Row to compare with. */
const ASKED = "key file, asked about first";

/** Measures a login with a key file, and with the same key in OpenSSH's agent. */
export async function logins(bench: Bench, folder: string, samples: Sample[]): Promise<Table> {
  const { target } = bench;
  const socket = join(folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "inherit"] });
  await once(agent.stdout, "data");
  const child = new Child(LIBRARY);
  const other = join(folder, "other");
  const logIn =
    (files: readonly string[], path?: string): Runner["run"] =>
    async () =>
      (await child.perform({ kind: "login", target, files, agent: path }, TIMEOUT)).ms;
  try {
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other]);
    await must(["env", `SSH_AUTH_SOCK=${socket}`, "ssh-add", "-q", target.keyFile]);
    const runners = [
      { name: "key file", run: logIn([target.keyFile]) },
      { name: ASKED, run: logIn([target.keyFile, other]) },
      { name: "ssh-agent", run: logIn([], socket) },
    ];
    const results = await inTurn(bench, "ways: agents", runners, { warmUp: 5, count: bench.connects });
    for (const [row, all] of results) for (const ms of all) samples.push({ what: "login", row, ms });
    return {
      title: "Time of a login with an Ed25519 key, in one warm process",
      head: ["key", "ms", "vs. the file, asked about first"],
      rows: runners.map(({ name }) => [name, ...cells(results, name, ASKED, 1)]),
      notes: [
        "With an agent: bind, list and sign. The server is asked about an agent's keys first, and about files if there are several. sshd takes 5 ms or more to answer that.",
        "Goal: at most 3 ms more than with the file that is asked about.",
      ],
    };
  } finally {
    await child.end();
    agent.kill();
  }
}
