/** Floods `nacre gateway` with connections that send nothing, `npm run soak -- --flood`: see README.md. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateEd25519 } from "@nacre/keys";
import { listen } from "@nacre/node";
import { connect } from "@nacre/web";
import WebSocket from "ws";
import { optionsOr } from "../options.ts";
import type { Flood, FloodState } from "./child-flood.ts";
import { hostKeySeed, userKeySeed } from "./keys.ts";

const ORIGIN = "https://app.example.org";
const TOKEN = "0123456789abcdef0123456789abcdef";
/** Logins in a series. Their median counts. */
const LOGINS = 15;
/** Pause between two logins, in milliseconds. */
const PAUSE = 100;
/** Most time of a login during a flood, in times of a usual one. */
const SLOWEST = 2;
/** Most resident memory of the gateway for each connection of the flood, in bytes. */
const PER_CONNECTION = 24 * 1024;
/** Seconds to open all silent connections. The gateway closes each after 5 to 6 seconds, so all are open at the same time. */
const FILL_TIME = 4;
/** Longest wait for the gateway to start, in milliseconds. */
const START = 30_000;
/** Longest wait for the gateway to release a flood, in milliseconds: its timeouts are 5 seconds. */
const RELEASE = 30_000;

/** A WebSocket of a page of `ORIGIN`. */
class Page extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { origin: ORIGIN, perMessageDeflate: false });
  }
}

const values = optionsOr(
  "usage: npm run soak -- --flood [--connections 10000] [--addresses 1000] [--per-second 1000]\n       open files are limited by ulimit -n",
  {
    connections: { type: "string", default: "10000" },
    addresses: { type: "string", default: "1000" },
    "per-second": { type: "string", default: "1000" },
  },
);
const [connections, addresses, perSecond] = [values.connections, values.addresses, values["per-second"]].map(
  Number,
) as [number, number, number];

const folder = await mkdtemp(join(tmpdir(), "nacre-flood-"));
const children: ChildProcess[] = [];
const wrong: string[] = [];
const userKey = generateEd25519(userKeySeed);
const server = await listen({
  port: 0,
  hostKeys: [generateEd25519(hostKeySeed)],
  authenticate: (login) =>
    login.method === "publickey" && Buffer.compare(login.publicKey, userKey.publicKey.blob) === 0,
  session: () => 0,
  // All logins come from the gateway's address.
  perSource: false,
});
try {
  const gateway = await startGateway();
  await series(gateway);
  const usual = [await series(gateway)];
  const files = await openFiles(gateway);
  const memory = await resident(gateway);
  console.log(
    `flood: ${connections} connections from ${addresses} addresses, ${perSecond} WebSockets per second; median of ${LOGINS} logins`,
  );
  console.log(`${"no flood".padEnd(22)} login ${milliseconds(usual[0]!)}  gateway ${mib(memory)} MiB, ${files} files`);
  for (const isWebSocket of [false, true]) {
    const name = isWebSocket ? "silent WebSockets" : "silent connections";
    const rate = isWebSocket ? perSecond : connections / FILL_TIME;
    const flood = await startFlood({
      port: gateway.port,
      connections,
      addresses,
      perSecond: rate,
      isWebSocket,
      origin: ORIGIN,
    });
    await until(async () => (await state(flood)).opened >= connections, 120_000);
    const began = await cpuTimes(gateway);
    const during = await series(gateway);
    const ended = await cpuTimes(gateway);
    const [used, waited] = [ended.used - began.used, ended.waited - began.waited].map(
      (seconds) => `${((100 * seconds) / (ended.at - began.at)).toFixed(0)} %`,
    );
    const [{ held, accepted }, peak, peakFiles] = [
      await state(flood),
      await resident(gateway),
      await openFiles(gateway),
    ];
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text();
    const pending = Number(/nacre_gateway_pending (\d+)/.exec(metrics)![1]);
    flood.kill("SIGKILL");
    const isReleased = await until(async () => (await openFiles(gateway)) <= files + 5, RELEASE);
    const left = await resident(gateway);
    usual.push(await series(gateway));
    const ratio = during / Math.max(...usual.slice(-2));
    console.log(
      `${name.padEnd(22)} login ${milliseconds(during)} (${ratio.toFixed(2)} × usual)  gateway ${mib(peak)} MiB, ${peakFiles} files, ${used} of a core (${waited} of the time waiting for one); ${held} held, ${accepted} WebSockets opened, ${pending} pending; afterwards ${mib(left)} MiB`,
    );
    if (ratio > SLOWEST) wrong.push(`${name}: a login takes ${ratio.toFixed(2)} times as long as without`);
    if (pending > 2048) wrong.push(`${name}: ${pending} WebSockets are pending`);
    if (isWebSocket && accepted < connections) wrong.push(`${name}: the gateway opened only ${accepted} WebSockets`);
    if (!isWebSocket && held < 0.9 * connections) wrong.push(`${name}: only ${held} connections were open`);
    if (peak - memory > connections * PER_CONNECTION)
      wrong.push(`${name}: the gateway needed ${mib(peak - memory)} MiB for the flood`);
    if (!isReleased) wrong.push(`${name}: ${(await openFiles(gateway)) - files} files are still open`);
  }
} finally {
  for (const child of children) child.kill("SIGKILL");
  await server.close();
  await rm(folder, { recursive: true });
}
for (const what of wrong) console.log(`✗ ${what}`);
console.log(wrong.length === 0 ? "✓ others log in, and the flood is released" : `✗ ${wrong.length} problems`);
process.exitCode = wrong.length === 0 ? 0 : 1;

interface RunningGateway {
  readonly pid: number;
  readonly port: number;
}

async function startGateway(): Promise<RunningGateway> {
  const token = join(folder, "token");
  await writeFile(token, TOKEN, { mode: 0o600 });
  const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
  const allow = `127.0.0.1:${server.address.port}`;
  const words = ["--origin", ORIGIN, "--allow", allow, "--issue-token", token, "--metrics", "--log", "json", "-p", "0"];
  // To a file, as the gateway would wait for a reader that is busy.
  const log = join(folder, "log");
  const file = await open(log, "w");
  const args = ["--conditions=@nacre/source", "--import", "tsx", main, "gateway", ...words];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", file.fd] });
  children.push(child);
  await file.close();
  const isListening = await until(async () => (await readFile(log, "utf8")).includes("\n"), START);
  const [line = ""] = (await readFile(log, "utf8")).split("\n");
  if (!isListening || !line.includes('"listening"')) throw new Error(`the gateway does not listen: ${line}`);
  const { url } = JSON.parse(line) as { url: string };
  return { pid: child.pid!, port: Number(new URL(url).port) };
}

async function startFlood(flood: Flood): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("child-flood.ts", import.meta.url));
  const child = fork(file, { execArgv: ["--conditions=@nacre/source", "--import", "tsx"] });
  children.push(child);
  child.send(flood);
  return child;
}

async function state(flood: ChildProcess): Promise<FloodState> {
  const answer = once(flood, "message") as Promise<[FloodState]>;
  flood.send("state");
  return (await answer)[0];
}

/** Logs in `LOGINS` times, each with a new ticket. Returns the median time in milliseconds. */
async function series({ port }: RunningGateway): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < LOGINS; i++) {
    const began = performance.now();
    const answer = await fetch(`http://127.0.0.1:${port}/ssh/issue`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ origin: ORIGIN, host: "127.0.0.1", port: server.address.port }),
    });
    const { ticket } = (await answer.json()) as { ticket: string };
    const client = await connect({
      url: `ws://127.0.0.1:${port}/ssh`,
      host: "127.0.0.1",
      port: server.address.port,
      ticket,
      user: "alice",
      identities: [userKey],
      hostKey: () => true,
      WebSocket: Page,
    });
    times.push(performance.now() - began);
    await client.close();
    // The gateway accepts 20 new WebSockets per second from one client.
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return times.toSorted((a, b) => a - b)[LOGINS >> 1]!;
}

async function openFiles({ pid }: RunningGateway): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Returns the seconds that the main thread of a process ran, and those that it waited for a core (proc_pid_schedstat). */
async function cpuTimes({ pid }: RunningGateway): Promise<{ used: number; waited: number; at: number }> {
  const [used, waited] = (await readFile(`/proc/${pid}/schedstat`, "latin1")).split(" ").map(Number) as [
    number,
    number,
  ];
  return { used: used / 1e9, waited: waited / 1e9, at: performance.now() / 1000 };
}

/** Returns the resident memory of a process in bytes. */
async function resident({ pid }: RunningGateway): Promise<number> {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "latin1"))!;
  return Number(kibibytes) * 1024;
}

/** Resolves to whether the condition became true within this time. */
async function until(condition: () => Promise<boolean>, timeout: number): Promise<boolean> {
  for (const end = performance.now() + timeout; performance.now() < end; ) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}

function milliseconds(time: number): string {
  return `${time.toFixed(1)} ms`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
