import { expect, vi } from "vitest";

/** What keeps this process alive now, by kind: sockets, timers, … */
function active(): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return kinds;
}

/**
 * Runs `work` and expects that no socket, server or timer is left of it soon after, and that no rejection went
 * unhandled meanwhile.
 */
export async function leavesNothing(work: () => Promise<void>): Promise<void> {
  const kinds = ["TCPSocketWrap", "TCPConnectWrap", "TCPServerWrap", "GetAddrInfoReqWrap", "Timeout"];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const before = active();
    await work();
    // The system's own closing takes a turn or two; its end is no event.
    await vi.waitFor(
      () => {
        const after = active();
        for (const kind of kinds)
          expect(after.get(kind) ?? 0, `${kind} left behind`).toBeLessThanOrEqual(before.get(kind) ?? 0);
      },
      { timeout: 5000, interval: 10 },
    );
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
}
