import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  CommandsResult,
  CommandsTask,
  IdleResult,
  IdleTask,
  Way,
  WayResult,
  WayTask,
} from "../ssh2/ssh2-tasks.ts";
import { finish, type MeasuredClient, stopwatch } from "./measured-client.ts";

/** Size of the blocks that `reads` requests, in bytes. */
export const READ_BLOCK = 64 * 1024;

/** The ways to move a file over SFTP, each with the paths of both sides. Resolves with the number of bytes moved. */
export type MeasuredWays = Readonly<Record<Way, (remote: string, local: string) => Promise<number>>>;

/** Moves a file, and measures the time, the CPU time of this process, and its memory. */
export async function moveAlong(client: MeasuredClient, task: WayTask): Promise<WayResult> {
  const { target, suite, way, remote, local, warm } = task;
  const connection = await client.open(target, suite);
  const ways = await connection.ways?.();
  if (ways === undefined) throw new Error("this client has no SFTP");
  if (warm) await ways[way](remote, local);
  const lap = stopwatch();
  await ways[way](remote, local);
  const time = lap();
  await connection.close();
  return { ...time, peakMiB: process.resourceUsage().maxRSS / 1024 };
}

/** Runs `true` many times over one connection. */
export async function runCommands(client: MeasuredClient, { target, count }: CommandsTask): Promise<CommandsResult> {
  const connection = await client.open(target);
  await finish(await connection.start("true"), () => undefined);
  const lap = stopwatch();
  for (let i = 0; i < count; i++) await finish(await connection.start("true"), () => undefined);
  const time = lap();
  await connection.close();
  return time;
}

/** Opens connections one after the other, and measures what each adds to the memory of this process. */
export async function stayIdle(client: MeasuredClient, { target, count }: IdleTask): Promise<IdleResult> {
  // The first ones load and compile code.
  const open = [];
  for (let i = 0; i < WARM_UP; i++) open.push(await client.open(target));
  const before = await settledMemory();
  for (let i = 0; i < count; i++) open.push(await client.open(target));
  const after = await settledMemory();
  await Promise.all(open.map((connection) => connection.close()));
  return { residentKiB: (after - before) / count / 1024 };
}

const WARM_UP = 50;

async function settledMemory(): Promise<number> {
  await sleep(500);
  (globalThis as { gc?: () => void }).gc?.();
  await sleep(500);
  return process.memoryUsage.rss();
}

/** Reads all of a stream, and resolves with its length when the stream has closed its file. */
export async function drain(stream: Readable): Promise<number> {
  const closed = once(stream, "close");
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Uint8Array).length;
  await closed;
  return bytes;
}

/** Pipes a local file into a stream. Resolves with the number of bytes when the stream has closed its file: ssh2's emits no "finish". */
export async function fill(local: string, stream: Writable): Promise<number> {
  const source = createReadStream(local);
  const closed = once(stream, "close");
  source.pipe(stream);
  await closed;
  return source.bytesRead;
}
