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

export interface MeasuredCommand extends MeasuredStreams {
  readonly status: Promise<number | undefined>;
}

/** A command's input and output, whatever they are made of. */
interface MeasuredStreams {
  /** Gives `take` all output, and waits for what it returns. Resolves at the end of the output. */
  read(take: (chunk: Uint8Array) => Promise<void> | undefined): Promise<void>;
  /** Writes all pieces and then the end. */
  write(pieces: Iterable<Uint8Array>): Promise<void>;
}

export function nodeStreams(stdin: Writable, stdout: Readable): MeasuredStreams {
  return {
    async read(take) {
      stdout.on("data", (chunk: Uint8Array) => {
        const taken = take(chunk);
        if (taken === undefined) return;
        stdout.pause();
        void taken.then(() => stdout.resume());
      });
      await once(stdout, "end");
    },
    async write(pieces) {
      for (const piece of pieces) if (!stdin.write(piece)) await once(stdin, "drain");
      stdin.end();
    },
  };
}

export function webStreams(stdin: WritableStream<Uint8Array>, stdout: ReadableStream<Uint8Array>): MeasuredStreams {
  return {
    async read(take) {
      const reader = stdout.getReader();
      for (let got = await reader.read(); !got.done; got = await reader.read()) {
        const taken = take(got.value);
        if (taken !== undefined) await taken;
      }
    },
    async write(pieces) {
      const writer = stdin.getWriter();
      for (const piece of pieces) await writer.write(piece);
      await writer.close();
    },
  };
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
  await finish(command, (chunk) => {
    if (text === "") {
      ms = lap().seconds * 1000;
      report({ first: true });
    }
    text += Buffer.from(chunk).toString("latin1");
  });
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
  await finish(command, (chunk) => {
    bytes += chunk.length;
    hash?.update(chunk);
  });
  const time = lap();
  await session.close();
  return { ...time, bytes, sha256: hash?.digest("hex"), peakMiB: peakMiB() };
}

async function upload(client: MeasuredClient, task: TransferTask): Promise<TransferResult> {
  const session = await client.open(task.target, task.suite);
  let printed = "";
  const lap = stopwatch();
  const command = await session.start(uploadCommand(task.digest));
  const finished = finish(command, (chunk) => {
    printed += Buffer.from(chunk).toString("latin1");
  });
  await Promise.all([command.write(payload(task.bytes)), finished]);
  const time = lap();
  await session.close();
  return { ...time, ...printedBy(printed, task.digest), peakMiB: peakMiB() };
}

/** Reads nothing for a second and then rests after every 8 MiB, which any window and any pipe is full after. */
async function readSlowly(client: MeasuredClient, task: MemoryTask): Promise<MemoryResult> {
  const session = await client.open(task.target, task.suite);
  await finish(await session.start("echo ok"), () => {});
  await sleep(500);
  const idleMiB = residentMiB();

  let peak = idleMiB;
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentMiB());
  }, 5);
  let bytes = 0;
  let beforeRest = 8 * 2 ** 20;
  const lap = stopwatch();
  const command = await session.start(`head -c ${task.bytes} payload`);
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
  await session.close();
  return { bytes, seconds, idleMiB, peakMiB: peak };
}

/** Reads a command's output to its end, and awaits that of the command, which must be a success. */
async function finish(
  { read, status }: Pick<MeasuredCommand, "read" | "status">,
  take: (chunk: Uint8Array) => Promise<void> | undefined,
): Promise<void> {
  const [ended] = await Promise.all([status, read(take)]);
  if (ended !== 0) throw new Error(`the command ended with status ${ended}`);
}

function residentMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

function peakMiB(): number {
  return process.resourceUsage().maxRSS / 1024;
}
