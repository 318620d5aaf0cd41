import type { Peers, Recorder } from "./case.ts";

/** Records uncaught exceptions as `uncaught` until the case is over. Resolves after the first. */
export function uncaughtInto(record: Recorder, { after }: Pick<Peers, "after">): Promise<void> {
  const others = process.listeners("uncaughtException");
  after(() => {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  });
  return new Promise((resolve) => {
    process.removeAllListeners("uncaughtException").on("uncaughtException", (thrown) => {
      record("uncaught", thrown);
      resolve();
    });
  });
}
