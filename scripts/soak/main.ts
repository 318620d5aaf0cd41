/** Runs the soak test, `npm run soak [-- [--minutes 10] [--seed N]]`: see README.md. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { optionsOr } from "../options.ts";
import type { Census } from "./census.ts";
import type { Shift } from "./child-client.ts";

/** Wait in milliseconds after the clients end, until all connections and buffers are released. */
const SETTLE = 4000;
/** Allowed growth of heap and external memory since the first minute, in bytes. Compiled code and caches still grow a little. */
const HEAP_SLACK = 1.5 * 2 ** 20;
/** Allowed ratio of resident memory in the second half to the first half. Resident memory also depends on the allocator. */
const RESIDENT_SLACK = 1.1;

interface Report extends Census {
  readonly failures: readonly string[];
  readonly done?: Readonly<Record<string, number>>;
}

const usage =
  "usage: npm run soak -- [--minutes N] [--seed N]\n       N minutes must be at least 2: the first one is the reference for the others";
const values = optionsOr(usage, {
  minutes: { type: "string", default: "10" },
  seed: { type: "string", default: "1" },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(Number.isInteger(minutes) && minutes >= 2 && Number.isInteger(seed))) {
  console.error(usage);
  process.exit(2);
}

const children = new Map<string, ChildProcess>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => {
    for (const child of children.values()) child.kill("SIGKILL");
    process.exit(130);
  });

const wrong: string[] = [];
try {
  const { port } = await start<{ readonly port: number }>("server");
  await start("client");
  const fresh = { server: await count("server"), client: await count("client") };
  const story: { readonly server: Report; readonly client: Report }[] = [];
  console.log(`soak: ${minutes} minutes, seed ${seed}; MiB after garbage collection`);
  for (let minute = 1; minute <= minutes; minute++) {
    const task: Shift = { port, milliseconds: 60_000 - SETTLE, seed: seed * 1000 + minute };
    await send("client", task, 180_000);
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    const now = { server: await count("server"), client: await count("client") };
    story.push(now);
    for (const [name, { failures }] of Object.entries(now))
      for (const failure of failures) wrong.push(`minute ${minute}: ${name}: ${failure}`);
    console.log(
      `${String(minute).padStart(3)}  ${line("server", now.server)}   ${line("client", now.client)}   ${total(now.client)} actions`,
    );
  }
  const first = story[0]!;
  const last = story.at(-1)!;
  for (const name of ["server", "client"] as const) {
    const [began, ended] = [fresh[name], last[name]];
    if (ended.resources.join() !== began.resources.join())
      wrong.push(
        `${name}: open resources at the start: ${began.resources.join(", ")}; at the end: ${ended.resources.join(", ")}`,
      );
    if (ended.listeners !== began.listeners)
      wrong.push(`${name}: ${began.listeners} listeners at the start, ${ended.listeners} at the end`);
    if (ended.connections !== 0) wrong.push(`${name}: ${ended.connections} connections are still open`);
    const grown = ended.heap + ended.external - first[name].heap - first[name].external;
    if (grown > HEAP_SLACK)
      wrong.push(`${name}: heap and external memory grew by ${mib(grown)} MiB since the first minute`);
    const half = Math.floor(story.length / 2);
    const [early, late] = [story.slice(0, half), story.slice(half)].map((part) =>
      Math.min(...part.map((one) => one[name].resident)),
    ) as [number, number];
    if (late > early * RESIDENT_SLACK)
      wrong.push(
        `${name}: minimum resident memory grew from ${mib(early)} MiB in the first half to ${mib(late)} MiB in the second`,
      );
  }
  for (const [act, times] of Object.entries(last.client.done ?? {}))
    console.log(`${String(times).padStart(8)}  ${act}`);
} finally {
  for (const child of children.values()) child.disconnect();
}
for (const what of wrong) console.log(`✗ ${what}`);
console.log(
  wrong.length === 0 ? "✓ no leak of memory, handles, timers, listeners or connections" : `✗ ${wrong.length} problems`,
);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function start<T>(name: "server" | "client"): Promise<T> {
  const file = fileURLToPath(new URL(`child-${name}.ts`, import.meta.url));
  // A small young generation, as garbage in it would hide a leak.
  const execArgv = ["--expose-gc", "--max-semi-space-size=2", "--conditions=@nacre/source", "--import", "tsx"];
  const child = fork(file, { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] });
  children.set(name, child);
  return answer<T>(name, 60_000);
}

function count(name: "server" | "client"): Promise<Report> {
  return send(name, "census", 30_000);
}

function send<T>(name: "server" | "client", order: "census" | Shift, milliseconds: number): Promise<T> {
  const answered = answer<T>(name, milliseconds);
  children.get(name)!.send(order);
  return answered;
}

/** Resolves with the next message of a child. Rejects if the child exits, or sends no message within `milliseconds`. */
async function answer<T>(name: string, milliseconds: number): Promise<T> {
  const child = children.get(name)!;
  const over = new AbortController();
  const timer = setTimeout(
    () => over.abort(new Error(`the ${name} process sent no message within ${milliseconds} ms`)),
    milliseconds,
  );
  const onExit = (status: number | null): void =>
    over.abort(new Error(`the ${name} process exited with status ${status}`));
  child.once("exit", onExit);
  try {
    const [message] = (await once(child, "message", { signal: over.signal })) as [T];
    return message;
  } catch (error) {
    throw over.signal.aborted ? over.signal.reason : error;
  } finally {
    clearTimeout(timer);
    child.off("exit", onExit);
  }
}

function line(name: string, { heap, external, resident, resources }: Report): string {
  return `${name}: heap ${mib(heap)} + ${mib(external)}, resident ${mib(resident)}, ${resources.length} open`;
}

function total({ done = {} }: Report): number {
  return Object.values(done).reduce((sum, times) => sum + times, 0);
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
