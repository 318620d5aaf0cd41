import { getEventListeners } from "node:events";
import { collectGarbage } from "../garbage.ts";

/** What a process holds when nothing happens in it. */
export interface Census {
  /** Bytes, after garbage was collected. */
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
  /** What keeps the process alive, sorted: sockets, servers, timers, children, requests. */
  readonly resources: readonly string[];
  /** Listeners of the process, and of the one signal that everything was given. */
  readonly listeners: number;
  readonly connections: number;
}

/** Counts. `signal`: the one that everything was given. */
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
