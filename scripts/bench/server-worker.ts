import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { collectGarbage } from "../garbage.ts";
import { payload } from "./payload.ts";
import type { Census, ListenTask, Task } from "./tasks.ts";
import { work } from "./worker.ts";

/** The little that every server library has to give to be measured. */
export interface MeasuredServer {
  /** Listens on a free port of 127.0.0.1, without Nagle's algorithm, and lets in who has the user key. */
  listen(task: ListenTask): Promise<{ readonly port: number }>;
  connections(): number;
  logins(): number;
  /** Seconds that went into each part of logins, where they are counted. */
  parts?(): Readonly<Record<string, number>>;
}

/** Does what the parent process asks of a server. */
export function serverWork(server: MeasuredServer): void {
  // It listens, and would never end by itself.
  process.once("disconnect", () => process.exit());
  work(async (task: Task) => {
    switch (task.kind) {
      case "listen":
        return server.listen(task);
      case "census":
        return census(server, task.collect);
      default:
        throw new Error(`no task for a server: ${task.kind}`);
    }
  });
}

async function census(server: MeasuredServer, collect: boolean): Promise<Census> {
  const { user, system } = process.cpuUsage();
  if (collect) {
    // Idle is what nothing has happened to for a while.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await collectGarbage();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    resident: rss,
    heap: heapUsed,
    external,
    connections: server.connections(),
    logins: server.logins(),
    cpuSeconds: (user + system) / 1e6,
    parts: server.parts?.() ?? {},
  };
}

/** Runs `send BYTES`, `receive` (tells the count and the digest of what came), `cat` and `echo ok`. Throws for other commands. */
export async function runCommand(command: string, stdin: Readable, stdout: Writable): Promise<void> {
  const bytes = /^send (\d+)$/.exec(command)?.[1];
  if (bytes !== undefined) {
    for (const piece of payload(Number(bytes))) if (!stdout.write(piece)) await once(stdout, "drain");
  } else if (command === "receive" || command === "receive digest") {
    const hash = command === "receive" ? undefined : createHash("sha256");
    let count = 0;
    // Not by iterating, which destroys a stream at its end: ssh2's is both directions in one.
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
    throw new Error(`no such command: ${command}`);
  }
}
