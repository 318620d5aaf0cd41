import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { collectGarbage } from "../../garbage.ts";
import { payload } from "../bulk/payload.ts";
import { work } from "../children/worker.ts";
import type { Census, ListenTask, Task } from "../tasks.ts";

/** The interface that each measured server library implements. */
export interface MeasuredServer {
  /** Listens on a free port of 127.0.0.1, without Nagle's algorithm. Accepts logins with the user key. */
  listen(task: ListenTask): Promise<{ readonly port: number }>;
  connections(): number;
  logins(): number;
  /** Time of each part of all logins, in seconds, if it is measured. */
  parts?(): Readonly<Record<string, number>>;
}

/** Performs the tasks that the parent process sends to a server. */
export function serverWork(server: MeasuredServer): void {
  // The listening server would keep the process alive.
  process.once("disconnect", () => process.exit());
  work(async (task: Task) => {
    switch (task.kind) {
      case "listen":
        return server.listen(task);
      case "census":
        return census(server, task.collect);
      default:
        throw new Error(`unexpected task ${task.kind}`);
    }
  });
}

async function census(server: MeasuredServer, collect: boolean): Promise<Census> {
  const { user, system } = process.cpuUsage();
  if (collect) {
    // Waits until the connections are idle.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await collectGarbage();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    resident: rss,
    peak: process.resourceUsage().maxRSS * 1024,
    heap: heapUsed,
    external,
    connections: server.connections(),
    logins: server.logins(),
    cpuSeconds: (user + system) / 1e6,
    parts: server.parts?.() ?? {},
  };
}

/**
 * Runs a command: `send BYTES`, `receive` and `receive digest` (print the number of received bytes, and their digest), `cat`, `echo ok` or
 * `true`. Throws for other commands.
 */
export async function runCommand(command: string, stdin: Readable, stdout: Writable): Promise<void> {
  const bytes = /^send (\d+)$/.exec(command)?.[1];
  if (bytes !== undefined) {
    for (const piece of payload(Number(bytes))) if (!stdout.write(piece)) await once(stdout, "drain");
  } else if (command === "receive" || command === "receive digest") {
    const hash = command === "receive" ? undefined : createHash("sha256");
    let count = 0;
    // Iterating would destroy the stream at its end; in ssh2 the same stream is also the output.
    stdin.on("data", (chunk: Uint8Array) => {
      count += chunk.length;
      hash?.update(chunk);
    });
    await once(stdin, "end");
    stdout.write(`${count} ${hash?.digest("hex") ?? "-"}\n`);
  } else if (command === "cat") {
    stdin.pipe(stdout, { end: false });
    await once(stdin, "end");
  } else if (command === "echo ok") {
    stdout.write("ok\n");
  } else if (command !== "true") {
    throw new Error(`unknown command ${command}`);
  }
}
