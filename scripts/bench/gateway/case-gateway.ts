import type { Case, Sample } from "../bench.ts";
import { Child } from "../children.ts";
import type { Table } from "../measure/table.ts";
import { weighIdle } from "./gateway-idle.ts";
import { moveData } from "./gateway-moving.ts";
import { barePipe, CONNECTIONS, GATEWAY_TIMEOUT, plain, type Relay, resumable, websockify } from "./gateway-relays.ts";
import { ensureWebsockify } from "./websockify.ts";

const all: readonly Relay[] = [barePipe, plain, resumable, websockify];

/** Measures Nacre's gateway beside a bare pipe on `ws` and Debian's websockify. */
export const gatewayCase: Case = {
  name: "gateway",
  what: `Nacre's gateway with ${CONNECTIONS} connections: CPU time of bulk data and of keystrokes, and memory of idle connections, compared with a bare \`ws\` pipe and websockify`,
  async run(bench) {
    const relays = all.filter(({ name }) => bench.takesPart({ name, program: undefined, otherLibrary: false }));
    const version = relays.includes(websockify) ? await ensureWebsockify() : "";
    const target = new Child({ file: "child-target" });
    try {
      const to = await target.perform({ kind: "serve-echo" }, GATEWAY_TIMEOUT);
      const samples: Sample[] = [];
      const moving = await moveData(bench, relays, to, samples);
      const idle = await weighIdle(bench, relays, to, samples);
      const tables = [...moving, idle];
      return { tables: version === "" ? tables : tables.map((table) => withVersion(table, version)), samples };
    } finally {
      await target.end();
    }
  },
};

function withVersion(table: Table, version: string): Table {
  return { ...table, notes: [...(table.notes ?? []), `websockify: Debian's ${version}.`] };
}
