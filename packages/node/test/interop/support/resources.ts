import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";

/** Returns the number of resources that keep this process alive, by type: sockets, timers, … */
function active(): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return kinds;
}

/** Runs `work`. Then expects that no new socket, server or timer remains after a short time, and that there was no unhandled rejection. */
export async function leavesNothing(work: () => Promise<void>): Promise<void> {
  const kinds = ["TCPSocketWrap", "TCPConnectWrap", "TCPServerWrap", "GetAddrInfoReqWrap", "Timeout"];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const before = active();
    await work();
    // Closing takes the system a few rounds of the event loop, without an event at the end.
    const until = performance.now() + 20_000;
    for (;;) {
      const now = active();
      const left = kinds.filter((kind) => (now.get(kind) ?? 0) > (before.get(kind) ?? 0));
      if (left.length === 0) break;
      expect(performance.now(), `left behind: ${left.join()}`).toBeLessThan(until);
      await delay(10);
    }
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
}
