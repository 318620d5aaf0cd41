import type { Bench, Sample } from "./bench.ts";
import { Child } from "./children.ts";
import { type Host, type House, hostsOf, nacreServer, SERVER_TIMEOUT, ssh2Server, withServer } from "./server-house.ts";
import { spread, type Table } from "./table.ts";

/** Both servers are met with the same keys: what they agree on decides what a connection holds. */
const KEX = "curve25519-sha256";
/** Before the first count, so that what only the first connections cost is not counted to them. */
const WARM_UP = 100;
const ROUNDS = 3;

interface Idle {
  /** Of the process, per connection: KiB. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
}

/** Connections that are logged in and idle: what each of them adds to the server's process. */
export async function idleMemory(bench: Bench, house: House, samples: Sample[]): Promise<Table> {
  const { connections } = bench.server;
  const hosts = hostsOf(bench, [nacreServer, ssh2Server]);
  const results = new Map(hosts.map((host) => [host, [] as Idle[]]));
  let negotiated = "";
  for (let round = 1; round <= ROUNDS; round++) {
    for (const host of hosts) {
      bench.progress(`server: ${connections} idle connections, ${host.name}: round ${round} of ${ROUNDS}`);
      const { agreed, idle } = await measure(house, host, connections);
      if (negotiated !== "" && agreed !== negotiated)
        throw new Error(`idle connections: ${host.name} agreed on ${agreed}, another on ${negotiated}`);
      negotiated = agreed;
      results.get(host)?.push(idle);
      samples.push({ measure: "idle", server: host.name, connections, ...idle });
    }
  }
  return {
    title: `${connections} idle connections, logged in (${negotiated}): KiB of the server's process for each`,
    head: ["server", "resident", "heap", "outside of it"],
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
    notes: ["Goal: resident no more than ssh2's. Garbage is collected before each count."],
  };
}

async function measure(
  house: House,
  { name, program }: Host,
  connections: number,
): Promise<{ readonly agreed: string; readonly idle: Idle }> {
  return withServer(house, program, async (server, target) => {
    const visitors = new Child({ file: "child-visitors" });
    const count = () => server.ask({ kind: "census", collect: true }, SERVER_TIMEOUT);
    try {
      await visitors.ask({ kind: "stay", target, count: WARM_UP, kex: KEX }, SERVER_TIMEOUT);
      await visitors.ask({ kind: "leave" }, SERVER_TIMEOUT);
      const before = await count();
      const { negotiated } = await visitors.ask(
        { kind: "stay", target, count: connections, kex: KEX },
        SERVER_TIMEOUT + 100 * connections,
      );
      const after = await count();
      if (before.connections !== 0 || after.connections !== connections)
        throw new Error(`${name} held ${before.connections} connections, and then ${after.connections}`);
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
