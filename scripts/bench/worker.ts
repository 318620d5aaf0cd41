import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { payload } from "./payload.ts";
import {
  type ConnectResult,
  type ConnectTask,
  type MemoryResult,
  type MemoryTask,
  printedBy,
  type Report,
  type Suite,
  type Target,
  type Task,
  type TransferResult,
  type TransferTask,
  uploadCommand,
} from "./tasks.ts";

/** The little that every client library has to give to be measured. */
export interface MeasuredClient {
  /** Connects and logs in. Without a suite: what the library does by itself. */
  open(target: Target, suite: Suite | undefined): Promise<MeasuredSession>;
}

export interface MeasuredSession {
  start(command: string): Promise<MeasuredCommand>;
  close(): Promise<void>;
}

export interface MeasuredCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly status: Promise<number | undefined>;
}

/** Does the tasks that the parent process sends, until it lets go. */
export function work(perform: (task: Task) => Promise<unknown>): void {
  process.on("message", (task: Task) => {
    perform(task).then(
      (result) => report({ result }),
      (error: unknown) => report({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
}

/** The tasks that need a client. */
export function clientTasks(client: MeasuredClient): (task: Task) => Promise<unknown> {
  return (task) => {
    switch (task.kind) {
      case "connect":
        return connect(client, task);
      case "download":
        return download(client, task);
      case "upload":
        return upload(client, task);
      case "memory":
        return readSlowly(client, task);
      case "ceiling":
        return Promise.reject(new Error("no task for a client"));
    }
  };
}

/** Measures wall time and this process's CPU time from now on, in seconds. */
export function stopwatch(): () => { readonly seconds: number; readonly cpuSeconds: number } {
  const began = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}

function report(message: Report): void {
  process.send?.(message);
}

async function connect(client: MeasuredClient, { target }: ConnectTask): Promise<ConnectResult> {
  const lap = stopwatch();
  const session = await client.open(target, undefined);
  const command = await session.start("echo ok");
  let text = "";
  let ms = 0;
  command.stdout.on("data", (chunk: Uint8Array) => {
    if (text === "") {
      ms = lap().seconds * 1000;
      report({ first: true });
    }
    text += Buffer.from(chunk).toString("latin1");
  });
  await finish(command);
  await session.close();
  if (text !== "ok\n") throw new Error(`echo ok printed ${JSON.stringify(text)}`);
  return { ms, cpuMs: lap().cpuSeconds * 1000 };
}

async function download(client: MeasuredClient, task: TransferTask): Promise<TransferResult> {
  const session = await client.open(task.target, task.suite);
  const hash = task.digest ? createHash("sha256") : undefined;
  let bytes = 0;
  const lap = stopwatch();
  const command = await session.start(`head -c ${task.bytes} payload`);
  command.stdout.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    hash?.update(chunk);
  });
  await finish(command);
  const time = lap();
  await session.close();
  return { ...time, bytes, sha256: hash?.digest("hex"), peakMiB: peakMiB() };
}

async function upload(client: MeasuredClient, task: TransferTask): Promise<TransferResult> {
  const session = await client.open(task.target, task.suite);
  let printed = "";
  const lap = stopwatch();
  const command = await session.start(uploadCommand(task.digest));
  command.stdout.on("data", (chunk: Uint8Array) => {
    printed += Buffer.from(chunk).toString("latin1");
  });
  for (const piece of payload(task.bytes)) {
    if (!command.stdin.write(piece)) await once(command.stdin, "drain");
  }
  command.stdin.end();
  await finish(command);
  const time = lap();
  await session.close();
  return { ...time, ...printedBy(printed, task.digest), peakMiB: peakMiB() };
}

/** Reads nothing for a second and then rests after every 8 MiB, which any window and any pipe is full after. */
async function readSlowly(client: MeasuredClient, task: MemoryTask): Promise<MemoryResult> {
  const session = await client.open(task.target, task.suite);
  const first = await session.start("echo ok");
  first.stdout.resume();
  await finish(first);
  await sleep(500);
  const idleMiB = residentMiB();

  let peak = idleMiB;
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentMiB());
  }, 5);
  let bytes = 0;
  let beforeRest = 8 * 2 ** 20;
  const lap = stopwatch();
  const { stdout, status } = await session.start(`head -c ${task.bytes} payload`);
  await sleep(1000);
  stdout.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    beforeRest -= chunk.length;
    if (beforeRest > 0) return;
    beforeRest = 8 * 2 ** 20;
    stdout.pause();
    setTimeout(() => stdout.resume(), 40);
  });
  await finish({ stdout, status });
  const { seconds } = lap();
  clearInterval(sampler);
  await session.close();
  return { bytes, seconds, idleMiB, peakMiB: peak };
}

async function finish({ stdout, status }: Pick<MeasuredCommand, "stdout" | "status">): Promise<void> {
  const [ended] = await Promise.all([status, stdout.readableEnded ? undefined : once(stdout, "end")]);
  if (ended !== 0) throw new Error(`the command ended with status ${ended}`);
}

function residentMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

function peakMiB(): number {
  return process.resourceUsage().maxRSS / 1024;
}
