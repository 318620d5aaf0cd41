import { setImmediate } from "node:timers/promises";
import { describe, expect, it, test } from "vitest";
import { SlowCalls } from "../../src/disk/long-file.ts";

/** Slow unfinished calls, each with the function that ends it. */
function calls(): {
  /** Makes a slow call of a login, which is under way until `end`. */
  call(this: void, name: string, login?: string): Promise<string>;
  /** Names of the unfinished calls, in the order of their beginning. */
  running(this: void): readonly string[];
  /** Ends a call, and waits until others have begun. */
  end(this: void, name: string): Promise<void>;
} {
  const slow = new SlowCalls();
  const running = new Map<string, () => void>();
  return {
    call: (name, login = name) =>
      slow.run(login, async () => {
        await new Promise<void>((resolve) => running.set(name, resolve));
        running.delete(name);
        if (name === "failing") throw new Error("no space");
        return name;
      }),
    running: () => [...running.keys()],
    async end(name) {
      running.get(name)!();
      await setImmediate();
    },
  };
}

test("sftp disk: logins whose calls take seconds · server", async () => {
  const { call, running, end } = calls();
  const all = [call("mallory-1", "mallory"), call("mallory-2", "mallory"), call("mallory-3", "mallory")];
  expect(running()).toEqual(["mallory-1"]);
  all.push(call("alice-1", "alice"), call("bob"), call("alice-2", "alice"));
  expect(running()).toEqual(["mallory-1", "alice-1"]);
  await end("alice-1");
  expect(running()).toEqual(["mallory-1", "bob"]);
  await end("mallory-1");
  expect(running()).toEqual(["bob", "mallory-2"]);
  await end("mallory-2");
  expect(running()).toEqual(["bob", "alice-2"]);
  for (const name of ["bob", "alice-2", "mallory-3"]) await end(name);
  expect(await Promise.all(all)).toHaveLength(6);
});

describe("SlowCalls", () => {
  it("goes on after a call that fails", async () => {
    const { call, end } = calls();
    const failing = call("failing", "alice");
    const next = call("next", "alice");
    await Promise.all([expect(failing).rejects.toThrow("no space"), end("failing")]);
    await end("next");
    expect(await next).toBe("next");
  });
});
