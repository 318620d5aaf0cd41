/** Runs the benchmarks (`npm run bench`): see README.md. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { run } from "@nacre/testing/openssh/run";
import { optionsOr } from "../options.ts";
import type { Bench, Case, CaseResult } from "./bench.ts";
import { bulkCase } from "./bulk/case-bulk.ts";
import { ceilingCase } from "./bulk/case-ceiling.ts";
import { memoryCase } from "./bulk/case-memory.ts";
import { buildPrograms, killChildren, profileInto } from "./children.ts";
import { beforeAndAfter } from "./compare/before-after.ts";
import { checkOut } from "./compare/checkout.ts";
import { configCase } from "./config/case-config.ts";
import { connectCase } from "./connect/case-connect.ts";
import { importsCase } from "./connect/case-imports.ts";
import { kexCase } from "./connect/case-kex.ts";
import { manyCase } from "./connect/case-many.ts";
import { reconnectCase } from "./connect/case-reconnect.ts";
import { smallCase } from "./connect/case-small.ts";
import { gatewayCase } from "./gateway/case-gateway.ts";
import { killWebsockify } from "./gateway/websockify.ts";
import { certificatesCase } from "./keys/case-certificates.ts";
import { revocationCase } from "./keys/case-revocation.ts";
import { signedFilesCase } from "./keys/case-signed-files.ts";
import { verifyCase } from "./keys/case-verify.ts";
import { killCommands } from "./measure/measured-command.ts";
import { buildSsh2Addon } from "./measure/ssh2-addon.ts";
import { formatTable, type Table } from "./measure/table.ts";
import { formatPage } from "./page.ts";
import { pathCase } from "./path/case-path.ts";
import { serverCase } from "./server/case-server.ts";
import { prepare } from "./setup.ts";
import { sftpCase } from "./sftp/case-sftp.ts";
import { ssh2Case } from "./ssh2/case-ssh2.ts";
import { tunnelCase } from "./tunnel/case-tunnel.ts";
import { killSshTunnels } from "./tunnel/ssh-tunnel.ts";
import { waysCase } from "./ways/case-ways.ts";
import { webCase } from "./web/case-web.ts";
import { killBrowsers } from "./web/web-browser.ts";

const cases: readonly Case[] = [
  connectCase,
  kexCase,
  smallCase,
  manyCase,
  bulkCase,
  ceilingCase,
  memoryCase,
  tunnelCase,
  pathCase,
  waysCase,
  sftpCase,
  ssh2Case,
  serverCase,
  webCase,
  gatewayCase,
  configCase,
  reconnectCase,
  certificatesCase,
  verifyCase,
  signedFilesCase,
  revocationCase,
  importsCase,
];
/** Contenders of a comparison with an earlier commit: Nacre's, as for the option `--clients`. */
const COMPARED = ["=nacre", "nacre,", "nacre in", "nacre cp", "losses", "main thread"];
const usage = `usage: npm run bench -- [--json FILE] [--only ${cases.map(({ name }) => name).join("|")}] [--quick]
                        [--size MIB] [--rounds N] [--clients PART,…] [--profile FOLDER]
                        [--connections N] [--logins N]
       npm run bench -- --before COMMIT [--only CASE] [--size MIB] [--rounds N] [--clients PART,…] [--json FILE]
       npm run bench -- --write [--size MIB] [--rounds N] [--json FILE]      runs all cases and writes BENCHMARKS.md`;

const values = optionsOr(usage, {
  json: { type: "string" },
  only: { type: "string" },
  quick: { type: "boolean", default: false },
  size: { type: "string" },
  rounds: { type: "string" },
  clients: { type: "string" },
  profile: { type: "string" },
  write: { type: "boolean", default: false },
  connections: { type: "string" },
  logins: { type: "string" },
  before: { type: "string" },
});
const chosen = cases.filter(({ name }) => values.only === undefined || name === values.only);
const quick = values.quick || values.before !== undefined;
// With 64 MiB, a comparison in three rounds takes less than half an hour.
const mebibytes = positive(values.size, values.before !== undefined ? 64 : quick ? 96 : 256);
const rounds = positive(values.rounds, quick ? 3 : 5);
const connections = positive(values.connections, quick ? 200 : 1000);
const logins = positive(values.logins, quick ? 100 : 400);
// BENCHMARKS.md is written only by full runs.
const whole = values.only === undefined && values.clients === undefined && values.profile === undefined && !quick;
if (
  chosen.length === 0 ||
  mebibytes === undefined ||
  rounds === undefined ||
  connections === undefined ||
  logins === undefined ||
  (values.write && !whole)
) {
  console.error(usage);
  process.exit(2);
}

if (values.profile !== undefined) await mkdir(values.profile, { recursive: true });
profileInto(values.profile);
buildPrograms();
await buildSsh2Addon();
const before = values.before === undefined ? undefined : await checkOut(values.before);
const bytes = mebibytes * 2 ** 20;
const longBytes = positive(values.size, quick ? 128 : 1024)! * 2 ** 20;
const prepared = await prepare(bytes, Math.max(bytes, ...chosen.map((one) => one.longest?.(bytes) ?? 0)));
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    interrupted = true;
    killChildren();
    killBrowsers();
    killCommands();
    killSshTunnels();
    killWebsockify();
    void prepared.release().finally(() => process.exit(130));
  });
}

const parts = values.clients?.split(",") ?? (before === undefined ? undefined : COMPARED);
const bench: Bench = {
  target: prepared.target,
  payloadFile: prepared.payloadFile,
  bytes,
  rounds,
  connects: quick ? 10 : 30,
  serverIn: (place) => prepared.serverIn(place),
  server: { connections, logins, bytes: positive(values.size, quick ? 64 : 512)! * 2 ** 20 },
  pageBytes: longBytes,
  sftp: {
    bytes: longBytes,
    files: quick ? 2000 : 10_000,
    names: quick ? 20_000 : 100_000,
  },
  takesPart: ({ name }) =>
    parts === undefined || parts.some((part) => (part.startsWith("=") ? name === part.slice(1) : name.includes(part))),
  progress: (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line === "" ? "" : `${at} ${line}`}`);
  },
};
/** Progress of the run: number of the case, and elapsed time. */
let at = "";
const PICTURES = fileURLToPath(new URL("../pictures/main.ts", import.meta.url));
const began = performance.now();

try {
  const setting = { ...(await machine()), server: `${prepared.server}, ${prepared.where}` };
  for (const [name, value] of Object.entries(setting)) console.log(`${name.padEnd(11)} ${value}`);
  const reading = `medians (minimum–maximum) of ${rounds} rounds; the clients alternate. 1 MB is 10^6 bytes, 1 MiB is 2^20 bytes. "vs. best other library" compares with the best other JavaScript library`;
  console.log(`values      ${reading}\n`);

  if (before === undefined) await measureCases(setting, reading);
  else await compareWith(before, setting);
  process.stderr.write(`the whole run took ${Math.round((performance.now() - began) / 1000)} s\n`);
} catch (error) {
  bench.progress("");
  if (!interrupted) console.error(`benchmark failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  killChildren();
  killBrowsers();
  killCommands();
  killSshTunnels();
  killWebsockify();
  await prepared.release();
}

/** Measures the chosen cases, prints their tables, and writes BENCHMARKS.md with `--write`. */
async function measureCases(setting: Readonly<Record<string, string>>, reading: string): Promise<void> {
  const results: { readonly measured: Case; readonly result: CaseResult }[] = [];
  for (const [index, measured] of chosen.entries()) {
    at = `[${index + 1} of ${chosen.length}, ${Math.round((performance.now() - began) / 1000)} s]`;
    if (process.stderr.isTTY) bench.progress(measured.name);
    else process.stderr.write(`${at} ${measured.name}: ${measured.what}\n`);
    const result = await measured.run(bench);
    bench.progress("");
    results.push({ measured, result });
    console.log(`${measured.name}: ${measured.what}\n`);
    for (const table of result.tables) console.log(formatTable(table));
  }
  await writeJson({
    setting,
    bytes,
    rounds,
    results: Object.fromEntries(results.map(({ measured, result }) => [measured.name, result])),
  });
  if (values.write) {
    const command = ["pnpm", "bench", ...process.argv.slice(2).filter((word) => word !== "--")].join(" ");
    const date = new Date().toISOString().slice(0, 10);
    const page = formatPage({ command, date, setting, reading, results });
    await writeFile(new URL("../../BENCHMARKS.md", import.meta.url), page);
    // Runs in a new process: the pictures need the sources of the packages, while this process loads the built packages.
    const drawing = await run(["node", "--conditions=@nacre/source", "--import", "tsx", PICTURES]);
    if (drawing.status !== 0)
      throw new Error(`BENCHMARKS.md is written, but drawing its charts failed: ${drawing.stderr}`);
  }
}

/** Compares the chosen cases with an earlier checkout, and prints the tables. */
async function compareWith(root: string, setting: Readonly<Record<string, string>>): Promise<void> {
  const tables: Table[] = [];
  const report = (table: Table): void => {
    tables.push(table);
    console.log(formatTable(table));
  };
  report(await beforeAndAfter(chosen, { before: root, bench, report }));
  await writeJson({ setting, before: root, bytes, rounds, tables });
}

async function writeJson(content: object): Promise<void> {
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(content, undefined, 1)}\n`);
}

/** Returns the facts that the numbers depend on: machine and versions. */
async function machine(): Promise<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const processors = cpus();
  const ssh = await run(["ssh", "-V"]);
  return {
    machine: `${processors.length} × ${processors[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    node: `${process.version}, OpenSSL ${process.versions.openssl}`,
    nacre: `${await versionOf(new URL("../../packages/nacre/package.json", import.meta.url))}, ${await commit()}`,
    ssh2: `${await versionOf(require.resolve("ssh2/package.json"))}, without its native addon unless noted`,
    "dev-tunnels": await versionOf(require.resolve("@microsoft/dev-tunnels-ssh/package.json")),
    ssh: ssh.stderr.trim(),
  };
}

/** Returns the measured commit of this repository, with a note if there are changes. */
async function commit(): Promise<string> {
  const git = ["git", "-C", import.meta.dirname];
  const head = await run([...git, "rev-parse", "--short", "HEAD"]);
  const changes = await run([...git, "status", "--porcelain"]);
  if (head.status !== 0) return "no commit";
  return `commit ${head.stdout.trim()}${changes.stdout === "" ? "" : " with changes"}`;
}

async function versionOf(packageFile: string | URL): Promise<string> {
  return (JSON.parse(await readFile(packageFile, "utf8")) as { version: string }).version;
}

function positive(text: string | undefined, otherwise: number): number | undefined {
  const value = text === undefined ? otherwise : Number(text);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}
