import { EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { SshError } from "@nacre/wire";
import { onTestFinished } from "vitest";
import { takeThrown } from "../../src/call-program.ts";
import type { Connection } from "../../src/connection.ts";
import { SFTP } from "../../src/sftp/sftp.ts";

/** SFTP to a server in memory, and the events that it has emitted. */
export interface Opened {
  readonly sftp: SFTP;
  readonly server: MemorySftp;
  /** Names of the events since "ready", and errors. */
  readonly events: unknown[];
  /** What listeners and callbacks threw before the connection ended. The first ends it. */
  readonly thrown: unknown[];
}

/** Opens SFTP to a new server in memory. */
export async function open(options: MemorySftpOptions = {}, debug?: (line: string) => void): Promise<Opened> {
  const server = new MemorySftp(options);
  const channel = await server.openChannel();
  const connection = new EventEmitter() as Connection;
  const thrown: unknown[] = [];
  takeThrown(connection, (one) => {
    if (thrown.length > 0) return false;
    thrown.push(one);
    queueMicrotask(() => server.lose(new SshError("closed", "a listener threw")));
    return true;
  });
  const sftp = new SFTP(connection, channel, debug);
  const events: unknown[] = [];
  await new Promise<void>((resolve) => sftp.once("ready", resolve));
  for (const event of ["exit", "end", "close"]) sftp.on(event, () => events.push(event));
  sftp.on("error", (error) => events.push(error));
  onTestFinished(() => sftp.end());
  return { sftp, server, events, thrown };
}

/** Resolves with what a call passes to its callback. */
export function call<T extends readonly unknown[]>(start: (done: never) => void): Promise<T> {
  return new Promise((resolve) => {
    start(((...values: unknown[]) => resolve(values as unknown as T)) as never);
  });
}

/** Resolves with the first result of a call. Rejects with its error. */
export async function result<T>(start: (done: never) => void): Promise<T> {
  const [error, value] = await call<[Error | undefined, T]>(start);
  if (error) throw error;
  return value;
}

/** Resolves with the path of a fresh folder, which is removed after the test. */
export async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-sftp-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes a file in the home directory of the server. */
export function make(server: MemorySftp, name: string, contents: Uint8Array): void {
  server.files.open(`/home/${name}`, 0x0a, 0o644).data = contents;
}

/** Returns the contents of a file of the server. */
export function contentsOf(server: MemorySftp, name: string): Buffer {
  return Buffer.from(server.files.open(`/home/${name}`, 0x01, 0).data);
}

/** Bytes that differ from position to position. */
export function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff));
}

/** Resolves in a later round of the event loop. */
export function later(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
