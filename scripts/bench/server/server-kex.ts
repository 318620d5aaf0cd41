import { type Bench, nacre, offers, type Sample } from "../bench.ts";
import { Child } from "../children.ts";
import { median, type Table } from "../measure/table.ts";
import { kexMethods } from "../tasks.ts";
import { allServers, type Host, hostsOf, SERVER_TIMEOUT, type ServerSetup, timed, withServer } from "./server-hosts.ts";

const WARM_UP = 5;
const LOGINS = 20;

/** Measures the CPU time of each server for a login with each key exchange method. */
export async function serverKex(bench: Bench, setup: ServerSetup, samples: Sample[]): Promise<Table> {
  const hosts = hostsOf(bench, allServers);
  const results = new Map<string, number[]>();
  for (let round = 1; round <= bench.rounds; round++) {
    for (const host of hosts) {
      await withServer(setup, host.program, async (server, target) => {
        const visitor = new Child(nacre.program!);
        try {
          for (const method of kexMethods.filter((name) => offers(host, name))) {
            bench.progress(`server: ${method}, ${host.name}: round ${round} of ${bench.rounds}`);
            const logIn = async (count: number): Promise<void> => {
              for (let i = 0; i < count; i++) {
                const { method: agreed } = await visitor.perform({ kind: "kex", target, method }, SERVER_TIMEOUT);
                if (agreed !== method) throw new Error(`${host.name} negotiated ${agreed}, expected ${method}`);
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
    title: `Server's CPU time per login with one key exchange method, ms; ${LOGINS} logins per round, warm process`,
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
