import {
  type Case,
  type Contender,
  devTunnels,
  nacre,
  nacreOnNoble,
  offers,
  type Sample,
  ssh2NoDelay,
} from "../bench.ts";
import { Child } from "../children.ts";
import { median } from "../measure/table.ts";
import { type KexResult, kexMethods } from "../tasks.ts";

const WARM_UP = 3;
/** Time limit of a login in milliseconds; enough for a large group with noble on a busy machine. */
const TIMEOUT = 60_000;

/** Measures logins with each key exchange method. The time includes the work of both sides. */
export const kexCase: Case = {
  name: "kex",
  what: "time to log in with each key exchange method, in one warm process",
  async run(bench) {
    const contenders = [nacre, nacreOnNoble, ssh2NoDelay, devTunnels].filter((one) => bench.takesPart(one));
    const clients = contenders.map((contender) => ({ contender, child: new Child(contender.program!) }));
    const rounds = Math.max(3, Math.ceil(bench.connects / 3));
    const samples: Sample[] = [];
    const rows: string[][] = [];
    try {
      for (const method of kexMethods) {
        const results = new Map<Contender, KexResult[]>();
        for (let i = 0; i < WARM_UP + rounds; i++) {
          bench.progress(`kex: ${method}, round ${i + 1} of ${WARM_UP + rounds}`);
          for (const { contender, child } of clients) {
            if (!offers(contender, method)) continue;
            const result = await child.perform({ kind: "kex", target: bench.target, method }, TIMEOUT);
            if (result.method !== method)
              throw new Error(`${contender.name} negotiated ${result.method}, expected ${method}`);
            if (i < WARM_UP) continue;
            results.set(contender, [...(results.get(contender) ?? []), result]);
            samples.push({ client: contender.name, ...result });
          }
        }
        const cell = (contender: Contender): string => {
          const all = results.get(contender);
          if (all === undefined) return "not offered";
          return `${median(all.map(({ ms }) => ms)).toFixed(1)} / ${median(all.map(({ cpuMs }) => cpuMs)).toFixed(1)}`;
        };
        rows.push([method, ...contenders.map(cell)]);
      }
    } finally {
      await Promise.all(clients.map(({ child }) => child.end()));
    }
    const table = {
      title: `Time to connect and log in with one key exchange method: ms / CPU ms, medians of ${rounds}, warm process`,
      head: ["method", ...contenders.map(({ name }) => name)],
      rows,
      notes: [
        "dev-tunnels verifies an ECDSA host key and signs with an ECDSA key; the others use Ed25519. The time includes the server's work.",
      ],
    };
    return { tables: [table], samples };
  },
};
