import { containerExec } from "@nacre/testing/openssh/host";
import { type Bench, type Sample, transferTimeout } from "../bench.ts";
import type { Program } from "../children.ts";
import { runSsh, type SshRun } from "../measure/ssh-command.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { suites, type Target } from "../tasks.ts";
import { SERVER_TIMEOUT, type ServerSetup, withServer } from "./server-hosts.ts";

/** Number of transfers at once. */
const TRANSFERS = 4;
const suite = suites[1];
/** Nacre's server, with the memory that Node takes by default. */
const NACRE: Program = { file: "child-server-nacre", args: ["node"] };

type Direction = "out of" | "into";

/** A server that runs commands for `ssh`. */
interface Server {
  readonly name: string;
  readonly target: Target;
  /** Returns the command that sends a number of bytes, or receives them and prints their number. */
  command(direction: Direction, bytes: number): string;
  /** Returns the CPU time so far, with that of connections that have ended. */
  cpuSeconds(): Promise<number>;
}

interface Moved {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Measures several transfers at once between `ssh` and each server, in both directions. The servers alternate. */
export async function concurrentTransfers(bench: Bench, setup: ServerSetup, samples: Sample[]): Promise<Table> {
  return withServer(setup, NACRE, async (child, target) => {
    const all: readonly Server[] = [
      {
        name: "nacre",
        target,
        command: (direction, bytes) => (direction === "out of" ? `send ${bytes}` : "receive"),
        cpuSeconds: async () => (await child.perform({ kind: "census", collect: false }, SERVER_TIMEOUT)).cpuSeconds,
      },
      {
        name: "OpenSSH",
        target: bench.target,
        command: (direction, bytes) => (direction === "out of" ? `head -c ${bytes} payload` : "wc -c"),
        cpuSeconds: () => sshdCpuSeconds(bench.target.port),
      },
    ];
    const servers = all.filter(({ name }) => bench.takesPart({ name, program: undefined, otherLibrary: false }));
    const results = new Map(servers.map((server) => [server, { "out of": [] as Moved[], into: [] as Moved[] }]));
    for (const direction of ["out of", "into"] as const) {
      for (let round = 1; round <= bench.rounds; round++) {
        for (const server of servers) {
          bench.progress(`server: ${TRANSFERS} ${direction} ${server.name}: round ${round} of ${bench.rounds}`);
          const moved = await moveAll(bench, server, direction);
          results.get(server)?.[direction].push(moved);
          samples.push({ measure: "concurrent", transfers: TRANSFERS, direction, server: server.name, ...moved });
        }
      }
    }
    return table(bench.bytes, results);
  });
}

/** Runs the transfers. Subtracts the costs of as many logins. */
async function moveAll({ bytes, payloadFile }: Bench, server: Server, direction: Direction): Promise<Moved> {
  const { target } = server;
  const common = { target, suite, timeoutMs: transferTimeout(TRANSFERS * bytes) };
  const nothing = await runAll(server, { ...common, command: "true", output: "kept" }, () => true);
  const command = server.command(direction, bytes);
  const run: SshRun =
    direction === "out of"
      ? { ...common, command, output: "counted" }
      : { ...common, command, output: "kept", inputFile: payloadFile };
  // What `ssh` writes to the server is counted, too: a few packets.
  const whole = await runAll(server, run, ({ written, stdout }) =>
    direction === "out of"
      ? written >= bytes && written < bytes + 65_536 + bytes / 50
      : Number(stdout.trim().split(" ")[0]) === bytes,
  );
  const moved = { seconds: whole.seconds - nothing.seconds, cpuSeconds: whole.cpuSeconds - nothing.cpuSeconds };
  if (!(moved.seconds > 0 && moved.cpuSeconds > 0))
    throw new Error("the transfers took no longer than logins without them; use a larger --size");
  return moved;
}

/** Runs a command several times at once, and measures the time until all have ended and the CPU time of the server. */
async function runAll(
  server: Server,
  run: SshRun,
  isRight: (result: { readonly written: number; readonly stdout: string }) => boolean,
): Promise<Moved> {
  const before = await server.cpuSeconds();
  const began = performance.now();
  const results = await Promise.all(Array.from({ length: TRANSFERS }, () => runSsh(run)));
  const seconds = (performance.now() - began) / 1000;
  const cpuSeconds = (await server.cpuSeconds()) - before;
  const wrong = results.find((result) => !isRight(result));
  if (wrong !== undefined)
    throw new Error(`${run.command} at ${server.name}: ${wrong.written} bytes written, printed ${wrong.stdout}`);
  return { seconds, cpuSeconds };
}

/** Waits until all connections of the server on a port have ended, and prints its CPU time with theirs, in clock ticks. */
const SSHD_CPU = `
config=$(grep -l "^ListenAddress .*:$1$" "$NACRE_STATE"/sshd.*/sshd_config)
pid=$(cat "\${config%/*}/sshd.pid")
while [ -n "$(cat "/proc/$pid/task/$pid/children")" ]; do sleep 0.02; done
stat=$(cat "/proc/$pid/stat")
set -- \${stat##*) }
echo $((\${12} + \${13} + \${14} + \${15})) $(getconf CLK_TCK)
`;

async function sshdCpuSeconds(port: number): Promise<number> {
  const { status, stdout, stderr } = await containerExec(["bash", "-euc", SSHD_CPU, "bash", String(port)]);
  if (status !== 0) throw new Error(`cannot read the CPU time of sshd: ${stderr.trim()}`);
  const [ticks = Number.NaN, perSecond = Number.NaN] = stdout.trim().split(" ").map(Number);
  return ticks / perSecond;
}

function table(bytes: number, results: ReadonlyMap<Server, Readonly<Record<Direction, readonly Moved[]>>>): Table {
  const amount = TRANSFERS * bytes;
  const openssh = [...results].find(([{ name }]) => name === "OpenSSH")?.[1];
  const cells = (all: Readonly<Record<Direction, readonly Moved[]>>, direction: Direction): string[] => {
    // Ratios within a round: other load on the machine slows both servers.
    const ratios = all[direction].map(({ seconds }, round) => (openssh?.[direction][round]?.seconds ?? NaN) / seconds);
    return [
      spread(
        all[direction].map(({ seconds }) => amount / seconds / 1e6),
        0,
      ),
      openssh === undefined ? "–" : `${median(ratios).toFixed(2)} ×`,
      spread(
        all[direction].map(({ cpuSeconds }) => (cpuSeconds * 2 ** 30) / amount),
        2,
      ),
    ];
  };
  return {
    title: `${TRANSFERS} transfers at once, ${bytes / 2 ** 20} MiB each, ${suite.name}, to and from ssh`,
    head: ["server", "out MB/s", "vs. OpenSSH", "CPU s/GiB", "in MB/s", "vs. OpenSSH", "CPU s/GiB"],
    rows: [...results].map(([server, all]) => [server.name, ...cells(all, "out of"), ...cells(all, "into")]),
    notes: [
      `MB/s of all ${TRANSFERS} together. Nacre's server is one process; OpenSSH's has processes for each connection, which use all processors. Each \`ssh\` takes its share of them.`,
      "CPU time is the server's. It includes making and counting the data: in Nacre's process, and in OpenSSH's `head` and `wc`.",
    ],
  };
}
