import { SshError } from "@nacre/wire";
import { expect, it } from "vitest";
import { HeldConnections } from "../../src/users/forward/held-connections.ts";

const LOST = new SshError("connection-lost", "gone");

/** Carries a connection until its signal aborts, and records the reason. */
function carrier(reasons: unknown[]): (signal: AbortSignal) => Promise<void> {
  return (signal) =>
    new Promise((resolve) => {
      const end = (): void => {
        reasons.push(signal.reason);
        resolve();
      };
      if (signal.aborted) end();
      else signal.addEventListener("abort", end);
    });
}

it("ends the held connections with the SSH connection, and at once those that open after it", async () => {
  const held = new HeldConnections(2);
  const reasons: unknown[] = [];
  held.hold(carrier(reasons));
  expect(reasons).toEqual([]);
  await held.closed(LOST);
  expect(reasons).toEqual([LOST]);
  held.hold(carrier(reasons));
  held.hold(carrier(reasons));
  expect(reasons).toEqual([LOST, LOST, LOST]);
  await Promise.resolve().then(() => {});
  await held.closed(LOST);
  expect(held.limit).toBeUndefined();
});
