import { type Bench, nacre, type Sample } from "./bench.ts";
import { Child } from "./children.ts";
import { allServers, type Host, type House, hostsOf, SERVER_TIMEOUT, timed, withServer } from "./server-house.ts";
import { median, spread, type Table } from "./table.ts";
import { type EchoResult, echoes } from "./tasks.ts";

const WARM_UP = 10;
const CONNECTIONS = 100;

/** What a client of ours meets in a server in one round. CPU is the server's. */
interface Visit {
  readonly connectMs: number;
  readonly connectCpuMs: number;
  /** Of all at once. */
  readonly manyMs: number;
  readonly manyCpuMs: number;
  readonly single: EchoResult;
  readonly singleCpuUs: number;
  readonly stream: EchoResult;
  /** Of a second. */
  readonly streamCpu: number;
}

/** One connection after another, many at once, and small messages, as a client of ours meets them in each server. */
export async function serverVisits(bench: Bench, house: House, samples: Sample[]): Promise<Table> {
  const hosts = hostsOf(bench, allServers);
  const results = new Map(hosts.map((host) => [host, [] as Visit[]]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const host of hosts) {
      bench.progress(`server: visits, ${host.name}: round ${round} of ${bench.rounds}`);
      const visit = await visitOf(bench, house, host);
      results.get(host)?.push(visit);
      const { single, stream, ...numbers } = visit;
      samples.push({ measure: "visits", server: host.name, ...numbers, singleP50: single.p50, streamP50: stream.p50 });
    }
  }
  const middle = (host: Host, value: (visit: Visit) => number, digits: number): string =>
    median((results.get(host) ?? []).map(value)).toFixed(digits);
  return {
    title: `What a client of ours meets: \`echo ok\`, ${CONNECTIONS} of them at once, and messages of 64 bytes through \`cat\``,
    head: [
      "server",
      "echo ok: ms",
      "CPU ms",
      `${CONNECTIONS} at once: ms`,
      "CPU ms each",
      "one message: p50 ms",
      "CPU µs each",
      `${echoes.stream.perSecond} a second: p50 ms`,
      "p99 ms",
      "CPU s/s",
    ],
    rows: hosts.map((host) => [
      host.name,
      spread(
        (results.get(host) ?? []).map(({ connectMs }) => connectMs),
        1,
      ),
      middle(host, ({ connectCpuMs }) => connectCpuMs, 1),
      middle(host, ({ manyMs }) => manyMs, 0),
      middle(host, ({ manyCpuMs }) => manyCpuMs, 1),
      middle(host, ({ single }) => single.p50, 3),
      middle(host, ({ singleCpuUs }) => singleCpuUs, 0),
      middle(host, ({ stream }) => stream.p50, 2),
      middle(host, ({ stream }) => stream.p99, 2),
      middle(host, ({ streamCpu }) => streamCpu, 2),
    ]),
    notes: [
      "CPU is the server's. What is agreed on is what our client asks for first: with our servers ML-KEM, which costs Node 20 some ms on both sides.",
    ],
  };
}

function visitOf(bench: Bench, house: House, { program }: Host): Promise<Visit> {
  return withServer(house, program, async (server, target) => {
    const visitor = new Child(nacre.program!);
    try {
      const connect = async (count: number): Promise<number[]> => {
        const all: number[] = [];
        for (let i = 0; i < count; i++) all.push((await visitor.ask({ kind: "connect", target }, SERVER_TIMEOUT)).ms);
        return all;
      };
      const many = () => visitor.ask({ kind: "many", target, connections: CONNECTIONS }, SERVER_TIMEOUT);
      const echo = (how: "single" | "stream") => visitor.ask({ target, ...echoes[how] }, SERVER_TIMEOUT);

      await connect(WARM_UP);
      const connected = await timed(server, () => connect(bench.connects));
      await many();
      const together = await timed(server, many);
      const single = await timed(server, () => echo("single"));
      const stream = await timed(server, () => echo("stream"));
      return {
        connectMs: median(connected.result),
        connectCpuMs: (connected.cpuSeconds / bench.connects) * 1000,
        manyMs: together.result.ms,
        manyCpuMs: (together.cpuSeconds / CONNECTIONS) * 1000,
        single: single.result,
        singleCpuUs: (single.cpuSeconds / echoes.single.messages) * 1e6,
        stream: stream.result,
        streamCpu: stream.cpuSeconds / stream.result.seconds,
      };
    } finally {
      await visitor.end();
    }
  });
}
