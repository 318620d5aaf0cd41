import { type Bench, nacre, offers, type Sample } from "./bench.ts";
import { Child } from "./children.ts";
import { allServers, type Host, type House, hostsOf, SERVER_TIMEOUT, timed, withServer } from "./server-house.ts";
import { median, type Table } from "./table.ts";
import { kexMethods } from "./tasks.ts";

const WARM_UP = 5;
const LOGINS = 20;

/** Logins with each key exchange method alone: what one costs each server. */
export async function serverKex(bench: Bench, house: House, samples: Sample[]): Promise<Table> {
  const hosts = hostsOf(bench, allServers);
  const results = new Map<string, number[]>();
  for (let round = 1; round <= bench.rounds; round++) {
    for (const host of hosts) {
      await withServer(house, host.program, async (server, target) => {
        const visitor = new Child(nacre.program!);
        try {
          for (const method of kexMethods.filter((name) => offers(host, name))) {
            bench.progress(`server: ${method}, ${host.name}: round ${round} of ${bench.rounds}`);
            const logIn = async (count: number): Promise<void> => {
              for (let i = 0; i < count; i++) {
                const { method: agreed } = await visitor.ask({ kind: "kex", target, method }, SERVER_TIMEOUT);
                if (agreed !== method) throw new Error(`${host.name} did ${agreed}, not ${method}`);
              }
            };
            await logIn(WARM_UP);
            const { cpuSeconds } = await timed(server, () => logIn(LOGINS));
            const cpuMs = (cpuSeconds / LOGINS) * 1000;
            results.set(key(host, method), [...(results.get(key(host, method)) ?? []), cpuMs]);
            samples.push({ measure: "kex", server: host.name, method, cpuMs });
          }
        } finally {
          await visitor.end();
        }
      });
    }
  }
  return {
    title: `The server's CPU ms for a login with one key exchange method, ${LOGINS} a round; warm`,
    head: ["method", ...hosts.map(({ name }) => name)],
    rows: kexMethods.map((method) => [
      method,
      ...hosts.map((host) => {
        const all = results.get(key(host, method));
        return all === undefined ? "not offered" : median(all).toFixed(1);
      }),
    ]),
  };
}

function key({ name }: Host, method: string): string {
  return `${name} ${method}`;
}
