import { expect, test } from "vitest";
import { whilePending } from "../src/net/while-pending.ts";
import { later } from "./support.ts";

const never = new Promise<void>(() => {});
const failing = (): Promise<void> => Promise.reject(new Error("not found"));

/** Returns whether the work is done once `ready` has settled. */
async function isDone(pending: Promise<void>, ready: Promise<void>): Promise<boolean> {
  let done = false;
  whilePending(pending, ready, () => {
    done = true;
  });
  await Promise.allSettled([ready]);
  return done;
}

test("does the work if it is ready before the wait is over", async () => {
  const { promise, resolve } = later<void>();
  const done = isDone(promise, Promise.resolve());
  await Promise.resolve();
  resolve();
  expect(await done).toBe(true);
});

test.each([
  ["has succeeded", () => Promise.resolve()],
  ["has failed", failing],
])("skips the work if the wait %s when it is ready", async (_, wait) => {
  const pending = wait();
  const { promise: ready, resolve } = later<void>();
  const done = isDone(pending, ready);
  await Promise.allSettled([pending]);
  resolve();
  expect(await done).toBe(false);
});

test("skips the work if it cannot be made ready", async () => {
  expect(await isDone(never, failing())).toBe(false);
});
