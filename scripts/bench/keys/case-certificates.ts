import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import type { Bench, Case, Sample } from "../bench.ts";
import { Child } from "../children.ts";
import { cells, inTurn, type Runner } from "../measure/rounds.ts";
import { runSsh } from "../measure/ssh-command.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { hostsOf, nacreServer, nobleServer, type ServerSetup } from "../server/server-hosts.ts";
import { measureLogins, type Rate } from "../server/server-logins.ts";
import { fingerprint } from "../setup.ts";
import { LIBRARY } from "../ways/clients.ts";

const TIMEOUT = 20_000;
const ROUNDS = 3;
const KINDS = ["plain key", "certificate"] as const;

/** Key files and lines of a run. All keys are Ed25519. */
interface Keys {
  /** A key with its certificate beside it. Its line is in no authorized_keys. */
  readonly certified: string;
  readonly authorityLine: string;
  readonly hostKeyFile: string;
  readonly hostKeyLine: string;
}

/** Measures logins with a certificate beside those with a plain key, of a client and of a server. */
export const certificatesCase: Case = {
  name: "certificates",
  what: "logins with a certificate beside logins with a plain key: Nacre's client and `ssh` at OpenSSH, Nacre's client at Nacre's server",
  async run(bench) {
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-certificates-"));
    try {
      const keys = await makeKeys(folder);
      const samples: Sample[] = [];
      const tables = [await clientLogins(bench, keys, samples), await serverLogins(bench, keys, samples)];
      return { tables, samples };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function makeKeys(folder: string): Promise<Keys> {
  const [authority, certified, hostKeyFile] = ["authority", "certified", "host_key"].map((name) => join(folder, name));
  for (const file of [authority!, certified!, hostKeyFile!])
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", file]);
  await must(["ssh-keygen", "-q", "-s", authority!, "-I", "bench", "-n", "alice", "-V", "+1d", `${certified}.pub`]);
  return {
    certified: certified!,
    authorityLine: await lineOf(authority!),
    hostKeyFile: hostKeyFile!,
    hostKeyLine: await lineOf(hostKeyFile!),
  };
}

async function lineOf(file: string): Promise<string> {
  return (await readFile(`${file}.pub`, "utf8")).trim();
}

async function clientLogins(bench: Bench, keys: Keys, samples: Sample[]): Promise<Table> {
  const { target } = bench;
  await authorizeKey("alice", `cert-authority ${keys.authorityLine}`);
  const child = new Child(LIBRARY);
  const nacre =
    (file: string): Runner["run"] =>
    async () =>
      (await child.perform({ kind: "login", target, files: [file], agent: undefined }, TIMEOUT)).ms;
  const ssh =
    (keyFile: string): Runner["run"] =>
    async () =>
      (await runSsh({ target: { ...target, keyFile }, command: "true", output: "counted", timeoutMs: TIMEOUT }))
        .seconds * 1000;
  const runners = [
    { name: "nacre, plain key", run: nacre(target.keyFile) },
    { name: "nacre, certificate", run: nacre(keys.certified) },
    { name: "ssh, plain key", run: ssh(target.keyFile) },
    { name: "ssh, certificate", run: ssh(keys.certified) },
  ];
  try {
    const results = await inTurn(bench, "certificates", runners, { warmUp: 5, count: bench.connects });
    for (const [row, all] of results) for (const ms of all) samples.push({ what: "login", row, ms });
    return {
      title: "Time of a login at OpenSSH with an Ed25519 key, and with a certificate by an Ed25519 authority",
      head: ["client", "ms", "vs. plain key"],
      rows: runners.map(({ name }) => [name, ...cells(results, name, name.replace("certificate", "plain key"), 1)]),
      notes: ["Nacre logs in in one warm process; ssh is a process each time, which runs `true`. Goal: at most 1.15."],
    };
  } finally {
    await child.end();
  }
}

async function serverLogins(bench: Bench, keys: Keys, samples: Sample[]): Promise<Table> {
  const { target } = bench;
  const setup: ServerSetup = {
    target: { ...target, host: "127.0.0.1", port: 0, hostKeyFingerprint: fingerprint(keys.hostKeyLine) },
    hostKeyFile: keys.hostKeyFile,
    userKey: await lineOf(target.keyFile),
    authority: keys.authorityLine,
    payloadFile: bench.payloadFile,
  };
  const contests = hostsOf(bench, [nacreServer, nobleServer]).flatMap((host) =>
    KINDS.map((kind) => ({ name: `${host.name}, ${kind}`, host, kind, kex: undefined, rates: [] as Rate[] })),
  );
  for (let round = 1; round <= ROUNDS; round++) {
    for (const contest of contests) {
      const { name, host, kind, rates } = contest;
      bench.progress(`certificates: logins, ${name}: round ${round} of ${ROUNDS}`);
      const keyFile = kind === "certificate" ? keys.certified : target.keyFile;
      const own = { ...setup, target: { ...setup.target, keyFile } };
      const rate = await measureLogins(own, contest, host.program, bench.server.logins);
      rates.push(rate);
      samples.push({ what: "logins", server: name, perSecond: rate.perSecond, cpuMs: rate.cpuMs });
    }
  }
  return {
    title: `Logins at Nacre's server with Ed25519 keys and certificates, ${bench.server.logins} per round`,
    head: ["server", "per second", "CPU ms each", "CPU: plain key vs. this"],
    rows: contests.map(({ name, host, rates }) => {
      const plain = contests.find((one) => one.host === host && one.kind === "plain key")!;
      const ratio = rates.map(({ cpuMs }, round) => plain.rates[round]!.cpuMs / cpuMs);
      return [
        name,
        spread(
          rates.map(({ perSecond }) => perSecond),
          0,
        ),
        spread(
          rates.map(({ cpuMs }) => cpuMs),
          2,
        ),
        name === plain.name ? "" : median(ratio).toFixed(2),
      ];
    }),
    notes: [
      "The clients are Nacre's and run on the same machine, so CPU time shows what the server could do alone.",
      "Goal: with certificates at least 0.8 of the logins with plain keys, on node:crypto.",
    ],
  };
}
