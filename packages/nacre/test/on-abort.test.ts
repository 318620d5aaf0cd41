import { describe, expect, test, vi } from "vitest";
import { onAbort, unlessAborted } from "../src/on-abort.ts";

const reason = new Error("the user left");
const makeError = ({ reason: cause }: AbortSignal): Error => new Error("aborted", { cause });

describe("onAbort", () => {
  test("calls every callback once, through one listener of the signal", () => {
    const abort = new AbortController();
    const listen = vi.spyOn(abort.signal, "addEventListener");
    const callbacks = Array.from({ length: 20 }, () => vi.fn());
    for (const callback of callbacks) onAbort(abort.signal, callback);
    expect(listen).toHaveBeenCalledTimes(1);
    abort.abort();
    for (const callback of callbacks) expect(callback).toHaveBeenCalledTimes(1);
  });

  test("calls the callback at once if the signal has aborted", () => {
    const callback = vi.fn();
    onAbort(AbortSignal.abort(), callback);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("does not call a removed callback", () => {
    const abort = new AbortController();
    const callback = vi.fn();
    onAbort(abort.signal, callback)();
    abort.abort();
    expect(callback).not.toHaveBeenCalled();
  });
});

describe("unlessAborted", () => {
  test("returns the work itself without a signal", () => {
    const work = Promise.resolve(3);
    expect(unlessAborted(work, undefined, makeError)).toBe(work);
  });

  test("settles like the work, and then ignores the signal", async () => {
    const abort = new AbortController();
    const make = vi.fn(makeError);
    const failure = new Error("refused");
    expect(await unlessAborted(Promise.resolve(3), abort.signal, make)).toBe(3);
    await expect(unlessAborted(Promise.reject(failure), abort.signal, make)).rejects.toBe(failure);
    abort.abort(reason);
    expect(make).not.toHaveBeenCalled();
  });

  test("rejects when the signal aborts before the work settles", async () => {
    const abort = new AbortController();
    const pending = unlessAborted(new Promise(() => {}), abort.signal, makeError);
    abort.abort(reason);
    await expect(pending).rejects.toMatchObject({ message: "aborted", cause: reason });
  });

  test("rejects if the signal has aborted, and reports no later failure of the work", async () => {
    const work = Promise.reject(new Error("too late"));
    const pending = unlessAborted(work, AbortSignal.abort(reason), makeError);
    // A rejection without a handler would fail the test run.
    await expect(pending).rejects.toMatchObject({ message: "aborted", cause: reason });
  });
});
