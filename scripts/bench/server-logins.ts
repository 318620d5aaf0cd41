import type { Bench, Sample } from "./bench.ts";
import { Child, type Program } from "./children.ts";
import { allServers, type Host, type House, hostsOf, SERVER_TIMEOUT, ssh2Server, withServer } from "./server-house.ts";
import { median, spread, type Table } from "./table.ts";

const CURVE = "curve25519-sha256";
const WARM_UP = 100;
const ROUNDS = 3;
/** A visitor costs more than a login costs a server: it takes several processes to keep one busy. */
const VISITORS = 2;

/** A server, and the kex methods that its visitors offer. */
interface Contest {
  readonly name: string;
  readonly host: Host;
  readonly kex: string | undefined;
}

interface Rate {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly negotiated: string;
  /** Milliseconds for each login. */
  readonly parts: Readonly<Record<string, number>>;
}

/** Logins as fast as they go, one key and no command: how many a second, what one costs the server, and what that is spent on. */
export async function loginRate(bench: Bench, house: House, samples: Sample[]): Promise<readonly Table[]> {
  const { logins } = bench.server;
  const contests: readonly Contest[] = hostsOf(bench, allServers).flatMap((host) => [
    { name: host.name, host, kex: CURVE },
    // What is agreed on when both sides are ours.
    ...(host === ssh2Server ? [] : [{ name: `${host.name}, as it is`, host, kex: undefined }]),
  ]);
  const results = new Map(contests.map((contest) => [contest, [] as Rate[]]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const contest of contests) {
      bench.progress(`server: logins, ${contest.name}: round ${round} of ${ROUNDS}`);
      const rate = await measure(house, contest, contest.host.program, logins);
      results.get(contest)?.push(rate);
      const { perSecond, cpuMs, negotiated } = rate;
      samples.push({ measure: "logins", server: contest.name, logins, perSecond, cpuMs, negotiated });
    }
  }
  const peer = contests.find(({ host }) => host === ssh2Server);
  const peers = (peer && results.get(peer)) ?? [];
  const rates: Table = {
    title: `Logins with an Ed25519 key, ${logins} a round from ${VISITORS} processes`,
    head: ["server", "per second", "of ssh2", "CPU ms each", "of ssh2", "agreed on"],
    rows: contests.map((contest) => {
      const all = results.get(contest) ?? [];
      const ratio = (value: (rate: Rate) => number): string =>
        peers.length === 0 ? "–" : `${(median(all.map(value)) / median(peers.map(value))).toFixed(2)} ×`;
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
      `"as it is": as our own clients do by default.`,
      "The visitors share the machine: CPU time says what the server alone could do.",
      "Goal: on Node no fewer than ssh2's server.",
    ],
  };
  return [rates, await breakdown(bench, house, contests, samples)];
}

/** The same once more in a server that counts, which costs it a little. */
async function breakdown(bench: Bench, house: House, contests: readonly Contest[], samples: Sample[]): Promise<Table> {
  const names = ["key exchange", "hashes", "host key's signature", "user's signature", "cipher keys"];
  const rows: string[][] = [];
  for (const contest of contests) {
    if (contest.host === ssh2Server) continue;
    bench.progress(`server: parts of logins, ${contest.name}`);
    const { program } = contest.host;
    const counting: Program = { ...program, args: [...(program.args ?? []), "parts"] };
    const { parts, cpuMs } = await measure(house, contest, counting, bench.server.logins);
    const unknown = Object.keys(parts).find((part) => !names.includes(part));
    if (unknown !== undefined) throw new Error(`no column for ${unknown}`);
    const times = names.map((name) => parts[name] ?? 0);
    const rest = cpuMs - times.reduce((sum, time) => sum + time, 0);
    rows.push([contest.name, ...[...times, rest, cpuMs].map((time) => time.toFixed(2))]);
    samples.push({ measure: "parts", server: contest.name, cpuMs, ...parts });
  }
  return {
    title: "What a login spends the server's time on, ms",
    head: ["server", ...names, "the rest", "CPU in all"],
    rows,
    notes: ["The rest: TCP, packets, messages, timers, the application, and Node itself."],
  };
}

async function measure(house: House, contest: Contest, program: Program, logins: number): Promise<Rate> {
  return withServer(house, program, async (server, target) => {
    const visitors = Array.from({ length: VISITORS }, () => new Child({ file: "child-visitors" }));
    const { kex } = contest;
    const call = async (all: number): Promise<{ readonly seconds: number; readonly negotiated: string }> => {
      const count = Math.ceil(all / VISITORS);
      const began = performance.now();
      const calls = await Promise.all(
        visitors.map((one) => one.ask({ kind: "call", target, count, kex }, SERVER_TIMEOUT + 100 * all)),
      );
      return { seconds: (performance.now() - began) / 1000, negotiated: calls[0]?.negotiated ?? "" };
    };
    const census = () => server.ask({ kind: "census", collect: false }, SERVER_TIMEOUT);
    try {
      await call(WARM_UP);
      const before = await census();
      const { seconds, negotiated } = await call(logins);
      const after = await census();
      const count = after.logins - before.logins;
      if (count !== VISITORS * Math.ceil(logins / VISITORS))
        throw new Error(`${contest.name} counted ${count} logins, not ${logins}`);
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
