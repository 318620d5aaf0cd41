import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import type { Bench, Sample } from "../bench.ts";
import type { Program } from "../children.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { SERVER_TIMEOUT, type ServerSetup, withServer } from "../server/server-hosts.ts";
import { fingerprint } from "../setup.ts";
import type { Census, Suite, Target } from "../tasks.ts";
import { localShell, SftpFolders, SHORT_FILE, SOURCES } from "./sftp-folders.ts";
import { type FilesResults, measure, rclone, type SftpContender, sftp, sourcesOf } from "./sftp-runs.ts";
import type { FileAction, FilesResult } from "./sftp-tasks.ts";

/** Nacre's server, with the memory that Node takes by default. */
const NACRE: Program = { file: "child-server-nacre", args: ["node"] };

/** A server with a folder in memory. */
interface Server {
  readonly name: string;
  readonly target: Target;
  readonly folders: SftpFolders;
}

/** Measures Nacre's server next to OpenSSH's, with `sftp` and `rclone`, and the memory of Nacre's. The servers alternate. */
export async function servers(bench: Bench, folders: SftpFolders, suite: Suite, samples: Sample[]): Promise<Table[]> {
  const { bytes, files } = bench.sftp;
  const folder = await mkdtemp(join(tmpdir(), "nacre-bench-sftp-"));
  try {
    const hostKeyFile = join(folder, "host_key");
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", hostKeyFile]);
    const hostKey = await readFile(`${hostKeyFile}.pub`, "utf8");
    const knownHostsFile = join(folder, "known_hosts");
    await must(["bash", "-c", `echo "bench $(cat ${hostKeyFile}.pub)" >${knownHostsFile}`]);
    const userKey = await readFile(`${bench.target.keyFile}.pub`, "utf8");
    const target = { ...bench.target, host: "127.0.0.1", knownHostsFile, hostKeyFingerprint: fingerprint(hostKey) };
    const setup = { target, hostKeyFile, userKey, payloadFile: bench.payloadFile };
    const ours = await SftpFolders.make(localShell, { bytes, files, names: 1, sparse: 1 });
    try {
      const tables = await withServer(setup, NACRE, async (_, here) => {
        const both = [
          { name: "OpenSSH", target: bench.target, folders },
          { name: "nacre", target: here, folders: ours },
        ];
        const run = (client: SftpContender, type: FileAction["type"]): Promise<Rounds> =>
          rounds(bench, both, client, suite, type, samples);
        const long = [await run(sftp, "get"), await run(sftp, "put")];
        const short = [await run(rclone, "get-all"), await run(rclone, "put-all")];
        const title = `${files} files of ${SHORT_FILE} bytes, rclone sync, ${suite.name}`;
        return [
          table(`${bytes / 2 ** 20} MiB, sftp, ${suite.name}`, "MB/s", bytes / 1e6, long),
          table(title, "files/s", files, short),
        ];
      });
      return [...tables, await memory(bench, setup, ours, suite, samples)];
    } finally {
      await ours.remove();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Results of each server by its name, one for each round. */
type Rounds = ReadonlyMap<string, readonly FilesResult[]>;

async function rounds(
  bench: Bench,
  both: readonly Server[],
  client: SftpContender,
  suite: Suite,
  type: FileAction["type"],
  samples: Sample[],
): Promise<Rounds> {
  const results = new Map<string, FilesResult[]>(both.map(({ name }) => [name, []]));
  const { bytes } = bench.sftp;
  for (let round = 1; round <= bench.rounds; round++) {
    for (const { name, target, folders } of both) {
      const what = `${type} by ${client.name} at the server ${name}`;
      const { source } = sourcesOf(type);
      const options = { bench, folders, target, namespace: undefined, suite, type, source, warmUp: undefined, bytes };
      const one: FilesResults = await measure({ ...options, contenders: [client], rounds: 1, what }, samples);
      results.get(name)?.push(...(one.get(client) ?? []));
    }
  }
  return results;
}

/** Measures the memory of the server while `sftp` transfers the long file, each in a new process. */
async function memory(
  bench: Bench,
  setup: ServerSetup,
  folders: SftpFolders,
  suite: Suite,
  samples: Sample[],
): Promise<Table> {
  const { bytes } = bench.sftp;
  const cells: string[] = [];
  for (const type of ["get", "put"] as const) {
    await withServer(setup, { ...NACRE, nodeArgs: ["--expose-gc"] }, async (server, target) => {
      const common = { bench, folders, target, namespace: undefined, suite, warmUp: undefined, bytes, rounds: 1 };
      const contenders = [sftp];
      const census = (collect: boolean): Promise<Census> => server.perform({ kind: "census", collect }, SERVER_TIMEOUT);
      const listing = { type: "list", source: SOURCES.list, what: "list before the memory of the server" } as const;
      await measure({ ...common, ...listing, contenders }, samples);
      const idle = (await census(true)).resident / 2 ** 20;
      const what = `${type} for the memory of the server`;
      await measure({ ...common, type, source: SOURCES.long, what, contenders }, samples);
      const peak = (await census(false)).peak / 2 ** 20;
      samples.push({ what, suite: suite.name, server: "nacre", idleMiB: idle, peakMiB: peak });
      cells.push(idle.toFixed(0), peak.toFixed(0), (peak - idle).toFixed(0));
    });
  }
  return {
    title: `Memory of Nacre's server, ${bytes / 2 ** 20} MiB, sftp, ${suite.name}`,
    head: ["server", "get: idle MiB", "peak MiB", "difference", "put: idle MiB", "peak MiB", "difference"],
    rows: [["nacre", ...cells]],
    notes: [
      "Idle: after a login, a listing and a garbage collection. Peak: since the start of the process. Goal: a difference of at most 64 MiB.",
    ],
  };
}

function table(title: string, unit: string, amount: number, [got, put]: readonly Rounds[]): Table {
  const cells = (results: Rounds | undefined, name: string): string[] => {
    const all = results?.get(name) ?? [];
    // Ratios within a round: other load on the machine slows both servers.
    const ratios = all.map(({ seconds }, round) => (results?.get("OpenSSH")?.[round]?.seconds ?? NaN) / seconds);
    return [
      spread(
        all.map(({ seconds }) => amount / seconds),
        0,
      ),
      `${median(ratios).toFixed(2)} ×`,
    ];
  };
  return {
    title: `${title}, by server`,
    head: ["server", `get ${unit}`, "vs. OpenSSH", `put ${unit}`, "vs. OpenSSH"],
    rows: ["OpenSSH", "nacre"].map((name) => [name, ...cells(got, name), ...cells(put, name)]),
    notes: ["Goal: at least 0.8 of OpenSSH's server."],
  };
}
