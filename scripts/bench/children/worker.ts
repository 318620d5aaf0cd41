import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { payload } from "../bulk/payload.ts";
import { echo } from "../connect/echo.ts";
import { finish, type MeasuredClient, stopwatch } from "../measure/measured-client.ts";
import { moveFiles } from "../measure/measured-files.ts";
import { moveAlong, runCommands, stayIdle } from "../measure/measured-ways.ts";
import {
  type ConnectResult,
  type ConnectTask,
  type KexResult,
  type KexTask,
  type ManyResult,
  type ManyTask,
  type MemoryResult,
  type MemoryTask,
  printedBy,
  type Report,
  type Task,
  type TransferResult,
  type TransferTask,
  uploadCommand,
} from "../tasks.ts";
import type { ForwardResult, ForwardTask } from "../tunnel/tunnel-tasks.ts";

/** Performs the tasks that the parent process sends, until the parent disconnects. */
export function work(perform: (task: Task) => Promise<unknown>): void {
  // A listening server or an open connection would keep the process alive.
  process.once("disconnect", () => process.exit());
  process.on("message", (task: Task) => {
    perform(task).then(
      (result) => report({ result }),
      (error: unknown) => report({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
}

/** Returns a function that performs the tasks for a client. */
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
      case "kex":
        return exchangeKeys(client, task);
      case "echo":
        return echo(client, task);
      case "many":
        return connectMany(client, task);
      case "forward":
        return forward(client, task);
      case "files":
        return moveFiles(client, task);
      case "way":
        return moveAlong(client, task);
      case "commands":
        return runCommands(client, task);
      case "idle":
        return stayIdle(client, task);
      default:
        return Promise.reject(new Error(`unexpected task ${task.kind}`));
    }
  };
}

function report(message: Report): void {
  process.send?.(message);
}

async function connect(client: MeasuredClient, { target }: ConnectTask): Promise<ConnectResult> {
  const lap = stopwatch();
  const connection = await client.open(target);
  const command = await connection.start("echo ok");
  let text = "";
  let ms = 0;
  await finish(command, (chunk) => {
    if (text === "") {
      ms = lap().seconds * 1000;
      report({ first: true });
    }
    text += Buffer.from(chunk).toString("latin1");
  });
  await connection.close();
  if (text !== "ok\n") throw new Error(`echo ok printed ${JSON.stringify(text)}`);
  return { ms, cpuMs: lap().cpuSeconds * 1000 };
}

async function exchangeKeys(client: MeasuredClient, { target, method }: KexTask): Promise<KexResult> {
  const lap = stopwatch();
  const connection = await client.open(target, undefined, method);
  const { seconds, cpuSeconds } = lap();
  await connection.close();
  return { method: connection.kexMethod, ms: seconds * 1000, cpuMs: cpuSeconds * 1000 };
}

async function connectMany(client: MeasuredClient, { target, connections }: ManyTask): Promise<ManyResult> {
  const lap = stopwatch();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = await client.open(target);
      let text = "";
      await finish(await connection.start("echo ok"), (chunk) => {
        text += Buffer.from(chunk).toString("latin1");
        return undefined;
      });
      await connection.close();
      if (text !== "ok\n") throw new Error(`echo ok printed ${JSON.stringify(text)}`);
    }),
  );
  const { seconds, cpuSeconds } = lap();
  return { ms: seconds * 1000, cpuMs: cpuSeconds * 1000 };
}

async function forward(client: MeasuredClient, task: ForwardTask): Promise<ForwardResult> {
  const connection = await client.open(task.target, task.suite);
  const port = await connection.forward?.(task.form, task.to);
  if (port === undefined) throw new Error(`this client does not support a ${task.form} forward`);
  return { host: "127.0.0.1", port };
}

async function download(client: MeasuredClient, task: TransferTask): Promise<TransferResult> {
  const connection = await client.open(task.target, task.suite);
  const hash = task.digest ? createHash("sha256") : undefined;
  let bytes = 0;
  const lap = stopwatch();
  const command = await connection.start(`head -c ${task.bytes} payload`);
  await finish(command, (chunk) => {
    bytes += chunk.length;
    hash?.update(chunk);
  });
  const time = lap();
  await connection.close();
  return { ...time, bytes, sha256: hash?.digest("hex"), peakMiB: peakMiB() };
}

async function upload(client: MeasuredClient, task: TransferTask): Promise<TransferResult> {
  const connection = await client.open(task.target, task.suite);
  let printed = "";
  const lap = stopwatch();
  const command = await connection.start(uploadCommand(task.digest));
  const finished = finish(command, (chunk) => {
    printed += Buffer.from(chunk).toString("latin1");
  });
  await Promise.all([command.write(payload(task.bytes)), finished]);
  const time = lap();
  await connection.close();
  return { ...time, ...printedBy(printed, task.digest), peakMiB: peakMiB() };
}

/** Waits a second before it reads, and then pauses after every 8 MiB. During a pause, all windows and pipes fill up. */
async function readSlowly(client: MeasuredClient, task: MemoryTask): Promise<MemoryResult> {
  const connection = await client.open(task.target, task.suite);
  await finish(await connection.start("echo ok"), () => {});
  await sleep(500);
  const idleMiB = residentMiB();

  let peak = idleMiB;
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentMiB());
  }, 5);
  let bytes = 0;
  let beforeRest = 8 * 2 ** 20;
  const lap = stopwatch();
  const command = await connection.start(`head -c ${task.bytes} payload`);
  await sleep(1000);
  await finish(command, (chunk) => {
    bytes += chunk.length;
    beforeRest -= chunk.length;
    if (beforeRest > 0) return undefined;
    beforeRest = 8 * 2 ** 20;
    return sleep(40);
  });
  const { seconds } = lap();
  clearInterval(sampler);
  await connection.close();
  return { bytes, seconds, idleMiB, peakMiB: peak };
}

function residentMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

function peakMiB(): number {
  return process.resourceUsage().maxRSS / 1024;
}
