import { expect, test, vi } from "vitest";
import { Interrupt } from "../src/interrupt.ts";

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
const counts = (): number[] => SIGNALS.map((name) => process.listenerCount(name));

test.each(SIGNALS)("%s aborts once, and is raised again in the end; a second one has its usual effect", (name) => {
  const before = counts();
  const interrupt = new Interrupt();
  expect(counts()).toEqual(before.map((count) => count + 1));
  expect([interrupt.signal.aborted, interrupt.raised]).toEqual([false, undefined]);
  process.emit(name, name);
  expect([interrupt.signal.aborted, interrupt.raised]).toEqual([true, name]);
  // No listener is left, so that the next signal ends the process.
  expect(counts()).toEqual(before);
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  interrupt.raise();
  expect(kill.mock.calls).toEqual([[process.pid, name]]);
  kill.mockRestore();
});

test("without a signal, nothing is raised and nothing is left", () => {
  const before = counts();
  const interrupt = new Interrupt();
  interrupt.release();
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  interrupt.raise();
  expect(kill).not.toHaveBeenCalled();
  kill.mockRestore();
  expect([counts(), interrupt.signal.aborted]).toEqual([before, false]);
});
