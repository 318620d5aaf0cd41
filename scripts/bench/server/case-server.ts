import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import type { Bench, Case, Sample } from "../bench.ts";
import { payload } from "../bulk/payload.ts";
import { serverBulk } from "./server-bulk.ts";
import { concurrentTransfers } from "./server-concurrent.ts";
import type { ServerSetup } from "./server-hosts.ts";
import { idleMemory } from "./server-idle.ts";
import { serverKex } from "./server-kex.ts";
import { loginRate } from "./server-logins.ts";
import { serverVisits } from "./server-visits.ts";

export const serverCase: Case = {
  name: "server",
  what: "Nacre's and ssh2's servers: idle connections, logins, key exchange methods, small messages, transfers to and from `ssh`, one and four at once",
  async run(bench) {
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-server-"));
    try {
      const setup = await prepareSetup(folder, bench);
      const samples: Sample[] = [];
      const tables = [
        await idleMemory(bench, setup, samples),
        ...(await loginRate(bench, setup, samples)),
        await serverKex(bench, setup, samples),
        await serverVisits(bench, setup, samples),
        ...(await serverBulk(bench, setup, samples)),
        await concurrentTransfers(bench, setup, samples),
      ];
      return { tables, samples };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function prepareSetup(folder: string, bench: Bench): Promise<ServerSetup> {
  const keyFile = join(folder, "id_ed25519");
  const hostKeyFile = join(folder, "host_key");
  for (const file of [keyFile, hostKeyFile])
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", file]);
  const hostKey = (await readFile(`${hostKeyFile}.pub`, "utf8")).trim();
  const knownHostsFile = join(folder, "known_hosts");
  await writeFile(knownHostsFile, `bench ${hostKey}\n`);
  const shown = await must(["ssh-keygen", "-l", "-f", `${hostKeyFile}.pub`]);
  const payloadFile = join(folder, "payload");
  const file = await open(payloadFile, "w");
  for (const piece of payload(bench.server.bytes)) await file.write(piece);
  await file.close();
  return {
    target: {
      host: "127.0.0.1",
      port: 0,
      user: "alice",
      privateKey: await readFile(keyFile, "utf8"),
      keyFile,
      knownHostsFile,
      // Required by the type, but not used: all clients of this case support Ed25519.
      ecdsa: bench.target.ecdsa,
      hostKeyFingerprint: shown.split(" ")[1]!,
    },
    hostKeyFile,
    userKey: (await readFile(`${keyFile}.pub`, "utf8")).trim(),
    payloadFile,
  };
}
