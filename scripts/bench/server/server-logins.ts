import type { Bench, Sample } from "../bench.ts";
import { Child, type Program } from "../children.ts";
import { median, spread, type Table } from "../measure/table.ts";
import {
  allServers,
  type Host,
  hostsOf,
  SERVER_TIMEOUT,
  type ServerSetup,
  ssh2Server,
  withServer,
} from "./server-hosts.ts";

const CURVE = "curve25519-sha256";
const WARM_UP = 100;
const ROUNDS = 3;
/** Number of client processes. A login costs a client more CPU time than a server, so one process cannot keep a server busy. */
const VISITORS = 2;

/** A server with the key exchange method that its clients offer; `undefined` for the client's defaults. */
export interface Contest {
  readonly name: string;
  readonly host: Host;
  readonly kex: string | undefined;
}

/** Result of logins in one round. */
export interface Rate {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly negotiated: string;
  /** Time of each part of a login, in milliseconds per login. */
  readonly parts: Readonly<Record<string, number>>;
}

/**
 * Measures logins without a command, made as fast as possible: logins per second, the server's CPU time for each, and how it divides into
 * the parts of a login.
 */
export async function loginRate(bench: Bench, setup: ServerSetup, samples: Sample[]): Promise<readonly Table[]> {
  const { logins } = bench.server;
  const contests: readonly Contest[] = hostsOf(bench, allServers).flatMap((host) => [
    { name: host.name, host, kex: CURVE },
    // The algorithms that Nacre's client and server negotiate by default.
    ...(host === ssh2Server ? [] : [{ name: `${host.name}, defaults`, host, kex: undefined }]),
  ]);
  const results = new Map(contests.map((contest) => [contest, [] as Rate[]]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const contest of contests) {
      bench.progress(`server: logins, ${contest.name}: round ${round} of ${ROUNDS}`);
      const rate = await measureLogins(setup, contest, contest.host.program, logins);
      results.get(contest)?.push(rate);
      const { perSecond, cpuMs, negotiated } = rate;
      samples.push({ measure: "logins", server: contest.name, logins, perSecond, cpuMs, negotiated });
    }
  }
  const ssh2 = contests.find(({ host }) => host === ssh2Server);
  const reference = (ssh2 && results.get(ssh2)) ?? [];
  const rates: Table = {
    title: `Logins with an Ed25519 key, ${logins} per round from ${VISITORS} client processes`,
    head: ["server", "per second", "vs. ssh2", "CPU ms each", "vs. ssh2", "negotiated"],
    rows: contests.map((contest) => {
      const all = results.get(contest) ?? [];
      const ratio = (value: (rate: Rate) => number): string =>
        reference.length === 0 ? "–" : `${(median(all.map(value)) / median(reference.map(value))).toFixed(2)} ×`;
      return [
        contest.name,
        spread(
          all.map(({ perSecond }) => perSecond),
          0,
        ),
        ratio(({ perSecond }) => perSecond),
        spread(
          all.map(({ cpuMs }) => cpuMs),
          2,
        ),
        ratio(({ cpuMs }) => cpuMs),
        all[0]?.negotiated ?? "",
      ];
    }),
    notes: [
      `"defaults": with the algorithms that Nacre's client and server negotiate by default.`,
      "The clients run on the same machine: CPU time shows what the server could do alone.",
      "Goal: on Node at least as many logins as ssh2's server.",
    ],
  };
  return [rates, await breakdown(bench, setup, contests, samples)];
}

/** Repeats the logins with a server that measures the parts of a login, which makes it slightly slower. */
async function breakdown(
  bench: Bench,
  setup: ServerSetup,
  contests: readonly Contest[],
  samples: Sample[],
): Promise<Table> {
  const names = ["key exchange", "hashes", "host key's signature", "user's signature", "cipher keys"];
  const rows: string[][] = [];
  for (const contest of contests) {
    if (contest.host === ssh2Server) continue;
    bench.progress(`server: parts of logins, ${contest.name}`);
    const { program } = contest.host;
    const counting: Program = { ...program, args: [...(program.args ?? []), "parts"] };
    const { parts, cpuMs } = await measureLogins(setup, contest, counting, bench.server.logins);
    const unknown = Object.keys(parts).find((part) => !names.includes(part));
    if (unknown !== undefined) throw new Error(`the table has no column for ${unknown}, a part of a login`);
    const times = names.map((name) => parts[name] ?? 0);
    const rest = cpuMs - times.reduce((sum, time) => sum + time, 0);
    rows.push([contest.name, ...[...times, rest, cpuMs].map((time) => time.toFixed(2))]);
    samples.push({ measure: "parts", server: contest.name, cpuMs, ...parts });
  }
  return {
    title: "Server's time per login by part, ms",
    head: ["server", ...names, "rest", "total CPU"],
    rows,
    notes: ["Rest: TCP, packets, messages, timers, the application, and Node itself."],
  };
}

/** Starts a server, and measures as many logins. */
export async function measureLogins(
  setup: ServerSetup,
  contest: Contest,
  program: Program,
  logins: number,
): Promise<Rate> {
  return withServer(setup, program, async (server, target) => {
    const visitors = Array.from({ length: VISITORS }, () => new Child({ file: "child-visitors" }));
    const { kex } = contest;
    const call = async (all: number): Promise<{ readonly seconds: number; readonly negotiated: string }> => {
      const count = Math.ceil(all / VISITORS);
      const began = performance.now();
      const calls = await Promise.all(
        visitors.map((one) => one.perform({ kind: "call", target, count, kex }, SERVER_TIMEOUT + 100 * all)),
      );
      return { seconds: (performance.now() - began) / 1000, negotiated: calls[0]?.negotiated ?? "" };
    };
    const census = () => server.perform({ kind: "census", collect: false }, SERVER_TIMEOUT);
    try {
      await call(WARM_UP);
      const before = await census();
      const { seconds, negotiated } = await call(logins);
      const after = await census();
      const count = after.logins - before.logins;
      if (count !== VISITORS * Math.ceil(logins / VISITORS))
        throw new Error(`expected ${logins} logins at ${contest.name}, got ${count}`);
      return {
        perSecond: count / seconds,
        cpuMs: ((after.cpuSeconds - before.cpuSeconds) / count) * 1000,
        negotiated,
        parts: Object.fromEntries(
          Object.entries(after.parts).map(([part, spent]) => [
            part,
            ((spent - (before.parts[part] ?? 0)) / count) * 1000,
          ]),
        ),
      };
    } finally {
      await Promise.all(visitors.map((one) => one.end()));
    }
  });
}
