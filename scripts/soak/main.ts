/** `npm run soak [-- [--minutes 10] [--seed N]]`: see README.md. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { optionsOr } from "../options.ts";
import type { Census } from "./census.ts";
import type { Shift } from "./child-client.ts";

/** Connections that ended are wholly gone, and buffers released, after so long: milliseconds. */
const SETTLE = 4000;
/** What a heap may have grown by since the first minute: compiled code and caches still grow a little then. */
const HEAP_SLACK = 1.5 * 2 ** 20;
/** Resident memory is the allocator's business too: so much of the first half's may be added in the second. */
const RESIDENT_SLACK = 1.1;

interface Report extends Census {
  readonly failures: readonly string[];
  readonly done?: Readonly<Record<string, number>>;
}

const usage =
  "usage: npm run soak -- [--minutes N] [--seed N]\n       2 minutes or more: the first is the measure of the others";
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
    await ask("client", task, 180_000);
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    const now = { server: await count("server"), client: await count("client") };
    story.push(now);
    for (const [name, { failures }] of Object.entries(now))
      for (const failure of failures) wrong.push(`minute ${minute}: ${name}: ${failure}`);
    console.log(
      `${String(minute).padStart(3)}  ${line("server", now.server)}   ${line("client", now.client)}   ${total(now.client)} visits`,
    );
  }
  const first = story[0]!;
  const last = story.at(-1)!;
  for (const name of ["server", "client"] as const) {
    const [began, ended] = [fresh[name], last[name]];
    if (ended.resources.join() !== began.resources.join())
      wrong.push(
        `${name}: open at the beginning ${began.resources.join(", ")}, at the end ${ended.resources.join(", ")}`,
      );
    if (ended.listeners !== began.listeners)
      wrong.push(`${name}: ${began.listeners} listeners at the beginning, ${ended.listeners} at the end`);
    if (ended.connections !== 0) wrong.push(`${name}: ${ended.connections} connections are left`);
    const grown = ended.heap + ended.external - first[name].heap - first[name].external;
    if (grown > HEAP_SLACK) wrong.push(`${name}: the heap has grown by ${mib(grown)} MiB since the first minute`);
    const half = Math.floor(story.length / 2);
    const [early, late] = [story.slice(0, half), story.slice(half)].map((part) =>
      Math.min(...part.map((one) => one[name].resident)),
    ) as [number, number];
    if (late > early * RESIDENT_SLACK)
      wrong.push(`${name}: resident memory has grown from ${mib(early)} to ${mib(late)} MiB at the least`);
  }
  for (const [act, times] of Object.entries(last.client.done ?? {}))
    console.log(`${String(times).padStart(8)}  ${act}`);
} finally {
  for (const child of children.values()) child.disconnect();
}
for (const what of wrong) console.log(`✗ ${what}`);
console.log(
  wrong.length === 0
    ? "✓ memory, handles, timers, listeners and connections are where they began"
    : `✗ ${wrong.length} things went wrong`,
);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function start<T>(name: "server" | "client"): Promise<T> {
  const file = fileURLToPath(new URL(`child-${name}.ts`, import.meta.url));
  // The young generation is kept small: its garbage would hide what is held.
  const execArgv = ["--expose-gc", "--max-semi-space-size=2", "--conditions=@nacre/source", "--import", "tsx"];
  const child = fork(file, { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] });
  children.set(name, child);
  return answer<T>(name, 60_000);
}

function count(name: "server" | "client"): Promise<Report> {
  return ask(name, "census", 30_000);
}

function ask<T>(name: "server" | "client", question: "census" | Shift, milliseconds: number): Promise<T> {
  const answered = answer<T>(name, milliseconds);
  children.get(name)!.send(question);
  return answered;
}

/** The next message of a child; throws when it ends instead, or says nothing for so long. */
async function answer<T>(name: string, milliseconds: number): Promise<T> {
  const child = children.get(name)!;
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new Error(`the ${name} says nothing`)), milliseconds);
  const onExit = (status: number | null): void => over.abort(new Error(`the ${name} ended with status ${status}`));
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
