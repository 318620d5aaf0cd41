import { getEventListeners } from "node:events";
import { collectGarbage } from "../garbage.ts";

/** Memory and resources of an idle process. */
export interface Census {
  /** Heap in bytes, after garbage collection. */
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
  /** Active resources of the process, sorted: sockets, servers, timers, children, requests. */
  readonly resources: readonly string[];
  /** Number of listeners of the process and of the shared abort signal. */
  readonly listeners: number;
  readonly connections: number;
}

/** Collects garbage, and measures this process. `signal` is the abort signal that all connections share. */
export async function census(signal: AbortSignal, connections: number): Promise<Census> {
  await collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heap: heapUsed,
    external,
    resident: rss,
    resources: process.getActiveResourcesInfo().sort(),
    listeners:
      getEventListeners(signal, "abort").length +
      process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    connections,
  };
}
