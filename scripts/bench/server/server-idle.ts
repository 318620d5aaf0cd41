import type { Bench, Sample } from "../bench.ts";
import { Child } from "../children.ts";
import { spread, type Table } from "../measure/table.ts";
import {
  type Host,
  hostsOf,
  nacreServer,
  SERVER_TIMEOUT,
  type ServerSetup,
  ssh2Server,
  withServer,
} from "./server-hosts.ts";

/** Key exchange method for both servers. The negotiated algorithms affect the memory of a connection. */
const KEX = "curve25519-sha256";
/** Number of connections before the first measurement, so that one-time costs are not counted. */
const WARM_UP = 100;
const ROUNDS = 3;

interface Idle {
  /** Memory of the process per connection, in KiB. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
}

/** Measures the memory of idle connections after login, per connection, in the server's process. */
export async function idleMemory(bench: Bench, setup: ServerSetup, samples: Sample[]): Promise<Table> {
  const { connections } = bench.server;
  const hosts = hostsOf(bench, [nacreServer, ssh2Server]);
  const results = new Map(hosts.map((host) => [host, [] as Idle[]]));
  let negotiated = "";
  for (let round = 1; round <= ROUNDS; round++) {
    for (const host of hosts) {
      bench.progress(`server: ${connections} idle connections, ${host.name}: round ${round} of ${ROUNDS}`);
      const { agreed, idle } = await measure(setup, host, connections);
      if (negotiated !== "" && agreed !== negotiated)
        throw new Error(`idle connections: ${host.name} negotiated ${agreed}, another server ${negotiated}`);
      negotiated = agreed;
      results.get(host)?.push(idle);
      samples.push({ measure: "idle", server: host.name, connections, ...idle });
    }
  }
  return {
    title: `${connections} idle connections after login (${negotiated}): memory of the server's process per connection, KiB`,
    head: ["server", "resident", "heap", "external"],
    rows: hosts.map((host) => {
      const all = results.get(host) ?? [];
      return [
        host.name,
        spread(
          all.map(({ resident }) => resident),
          1,
        ),
        spread(
          all.map(({ heap }) => heap),
          1,
        ),
        spread(
          all.map(({ external }) => external),
          1,
        ),
      ];
    }),
    notes: ["Goal: resident memory at most ssh2's. Garbage is collected before each measurement."],
  };
}

async function measure(
  setup: ServerSetup,
  { name, program }: Host,
  connections: number,
): Promise<{ readonly agreed: string; readonly idle: Idle }> {
  return withServer(setup, program, async (server, target) => {
    const visitors = new Child({ file: "child-visitors" });
    const count = () => server.perform({ kind: "census", collect: true }, SERVER_TIMEOUT);
    try {
      await visitors.perform({ kind: "stay", target, count: WARM_UP, kex: KEX }, SERVER_TIMEOUT);
      await visitors.perform({ kind: "leave" }, SERVER_TIMEOUT);
      const before = await count();
      const { negotiated } = await visitors.perform(
        { kind: "stay", target, count: connections, kex: KEX },
        SERVER_TIMEOUT + 100 * connections,
      );
      const after = await count();
      if (before.connections !== 0 || after.connections !== connections)
        throw new Error(
          `expected 0 and then ${connections} connections at ${name}, got ${before.connections} and ${after.connections}`,
        );
      const each = (what: "resident" | "heap" | "external"): number =>
        (after[what] - before[what]) / connections / 1024;
      return {
        agreed: negotiated,
        idle: { resident: each("resident"), heap: each("heap"), external: each("external") },
      };
    } finally {
      await visitors.end();
    }
  });
}
