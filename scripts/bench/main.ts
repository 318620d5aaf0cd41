/** `pnpm bench`: see README.md. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { run } from "../openssh/run.ts";
import type { Bench, Case, CaseResult } from "./bench.ts";
import { bulkCase } from "./case-bulk.ts";
import { ceilingCase } from "./case-ceiling.ts";
import { connectCase } from "./case-connect.ts";
import { memoryCase } from "./case-memory.ts";
import { buildPrograms, killChildren, profileInto } from "./children.ts";
import { prepare } from "./setup.ts";
import { killSsh } from "./ssh-command.ts";
import { buildSsh2Addon } from "./ssh2-addon.ts";
import { formatTable } from "./table.ts";

const cases: readonly Case[] = [connectCase, bulkCase, ceilingCase, memoryCase];
const usage = `usage: pnpm bench [--json FILE] [--only ${cases.map(({ name }) => name).join("|")}] [--quick]
                  [--size MIB] [--rounds N] [--clients PART,…] [--profile FOLDER]`;

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    size: { type: "string" },
    rounds: { type: "string" },
    clients: { type: "string" },
    profile: { type: "string" },
  },
});
const chosen = cases.filter(({ name }) => values.only === undefined || name === values.only);
const mebibytes = positive(values.size, values.quick ? 96 : 1024);
const rounds = positive(values.rounds, values.quick ? 3 : 5);
if (chosen.length === 0 || mebibytes === undefined || rounds === undefined) {
  console.error(usage);
  process.exit(2);
}

if (values.profile !== undefined) await mkdir(values.profile, { recursive: true });
profileInto(values.profile);
buildPrograms();
await buildSsh2Addon();
const bytes = mebibytes * 2 ** 20;
const prepared = await prepare(bytes);
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    interrupted = true;
    killChildren();
    killSsh();
    void prepared.release().finally(() => process.exit(130));
  });
}

const parts = values.clients?.split(",");
const bench: Bench = {
  target: prepared.target,
  payloadFile: prepared.payloadFile,
  bytes,
  rounds,
  connects: values.quick ? 10 : 30,
  takesPart: ({ name }) => parts === undefined || parts.some((part) => name.includes(part)),
  progress: (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  },
};

try {
  const setting = { ...(await machine()), server: `${prepared.server}, ${prepared.where}` };
  for (const [name, value] of Object.entries(setting)) console.log(`${name.padEnd(8)} ${value}`);
  console.log(`values   median (least–most); MB are 10^6 bytes, MiB 2^20; ${rounds} rounds, in turn\n`);

  const results: Record<string, CaseResult> = {};
  for (const one of chosen) {
    const result = await one.run(bench);
    bench.progress("");
    results[one.name] = result;
    for (const table of result.tables) console.log(formatTable(table));
  }
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ setting, bytes, rounds, results }, undefined, 1)}\n`);
} catch (error) {
  bench.progress("");
  if (!interrupted) console.error(`the benchmark failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  killChildren();
  killSsh();
  await prepared.release();
}

/** What the numbers depend on. */
async function machine(): Promise<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const processors = cpus();
  const ssh = await run(["ssh", "-V"]);
  return {
    machine: `${processors.length} × ${processors[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    node: `${process.version}, OpenSSL ${process.versions.openssl}`,
    nacre: await versionOf(new URL("../../packages/nacre/package.json", import.meta.url)),
    ssh2: `${await versionOf(require.resolve("ssh2/package.json"))}, without its addon but where it says so`,
    ssh: ssh.stderr.trim(),
  };
}

async function versionOf(packageFile: string | URL): Promise<string> {
  return (JSON.parse(await readFile(packageFile, "utf8")) as { version: string }).version;
}

function positive(text: string | undefined, otherwise: number): number | undefined {
  const value = text === undefined ? otherwise : Number(text);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}
