import { type Bench, nacre, type Sample } from "../bench.ts";
import { Child } from "../children.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { type EchoResult, echoes } from "../tasks.ts";
import { allServers, type Host, hostsOf, SERVER_TIMEOUT, type ServerSetup, timed, withServer } from "./server-hosts.ts";

const WARM_UP = 10;
const CONNECTIONS = 100;

/** Results of Nacre's client with a server in one round. CPU times are the server's. */
interface Visit {
  readonly connectMs: number;
  readonly connectCpuMs: number;
  /** Time until all concurrent connections are closed, in milliseconds. */
  readonly manyMs: number;
  readonly manyCpuMs: number;
  readonly single: EchoResult;
  readonly singleCpuUs: number;
  readonly stream: EchoResult;
  /** CPU seconds per second. */
  readonly streamCpu: number;
}

/** Measures each server with Nacre's client: single connections, concurrent connections, and small messages. */
export async function serverVisits(bench: Bench, setup: ServerSetup, samples: Sample[]): Promise<Table> {
  const hosts = hostsOf(bench, allServers);
  const results = new Map(hosts.map((host) => [host, [] as Visit[]]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const host of hosts) {
      bench.progress(`server: Nacre's client, ${host.name}: round ${round} of ${bench.rounds}`);
      const visit = await visitOf(bench, setup, host);
      results.get(host)?.push(visit);
      const { single, stream, ...numbers } = visit;
      samples.push({ measure: "visits", server: host.name, ...numbers, singleP50: single.p50, streamP50: stream.p50 });
    }
  }
  const middle = (host: Host, value: (visit: Visit) => number, digits: number): string =>
    median((results.get(host) ?? []).map(value)).toFixed(digits);
  return {
    title: `Nacre's client with each server: \`echo ok\`, ${CONNECTIONS} of them concurrently, and 64-byte messages through \`cat\``,
    head: [
      "server",
      "echo ok: ms",
      "CPU ms",
      `${CONNECTIONS} concurrent: ms`,
      "CPU ms each",
      "one message: p50 ms",
      "CPU µs each",
      `${echoes.stream.perSecond} per second: p50 ms`,
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
      "CPU time is the server's. The client's preferred algorithms are used: with Nacre's servers ML-KEM, which takes Node 20 some milliseconds on each side.",
    ],
  };
}

function visitOf(bench: Bench, setup: ServerSetup, { program }: Host): Promise<Visit> {
  return withServer(setup, program, async (server, target) => {
    const visitor = new Child(nacre.program!);
    try {
      const connect = async (count: number): Promise<number[]> => {
        const all: number[] = [];
        for (let i = 0; i < count; i++)
          all.push((await visitor.perform({ kind: "connect", target }, SERVER_TIMEOUT)).ms);
        return all;
      };
      const many = () => visitor.perform({ kind: "many", target, connections: CONNECTIONS }, SERVER_TIMEOUT);
      const echo = (how: "single" | "stream") => visitor.perform({ target, ...echoes[how] }, SERVER_TIMEOUT);

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
