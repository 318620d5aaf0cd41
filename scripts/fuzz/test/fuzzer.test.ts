import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundle } from "../fuzzer/bundle.ts";
import type { FuzzOptions } from "../fuzzer/loop.ts";
import { watch } from "../fuzzer/watch.ts";
import { decodeToy } from "./toy.ts";

const TOYS = fileURLToPath(new URL("./toy-targets.ts", import.meta.url));
const EXECUTIONS = 60_000;

let toys: Bundle;
beforeAll(async () => {
  toys = await bundle(TOYS, (path) => path.endsWith("/toy.ts"));
});
afterAll(() => toys[Symbol.dispose]());

function options(change: Partial<FuzzOptions> = {}): FuzzOptions {
  const seeds = [new Uint8Array(20)];
  return { seed: 1, executions: EXECUTIONS, milliseconds: Number.POSITIVE_INFINITY, seeds, ...change };
}

describe("the fuzzer", () => {
  it("finds a fault behind several comparisons, with an input that triggers it", async () => {
    const { finding, executions } = await watch(toys, "toy", options());
    expect(finding?.problem).toMatch(/TypeError.*\n.*decodeToy.*toy\.ts:15:/);
    expect(executions).toBeLessThanOrEqual(EXECUTIONS + 2000);
    expect(() => decodeToy(finding!.input)).toThrow(TypeError);
  });

  it("does not find that fault in as many executions without coverage", async () => {
    const { finding, executions } = await watch(toys, "toy", options({ guided: false }));
    expect(finding).toBeUndefined();
    expect(executions).toBe(EXECUTIONS);
  });

  it("gives the same result for the same seed", async () => {
    const [once, again] = [await watch(toys, "toy", options()), await watch(toys, "toy", options())];
    expect({ ...again, milliseconds: 0 }).toEqual({ ...once, milliseconds: 0 });
  });

  it("terminates and reports an input that never ends", async () => {
    const bounds = { time: 500, memory: 2 ** 30 };
    const { finding } = await watch(toys, "hangs", options(), bounds);
    expect(finding?.problem).toBe("the input took more than 500 ms");
    expect(finding?.input[0]).toBe(7);
  });

  it("terminates and reports an input that exceeds the memory limit", async () => {
    const bounds = { time: 30_000, memory: 256 * 2 ** 20 };
    const { finding } = await watch(toys, "grows", options(), bounds);
    expect(finding?.problem).toBe(`memory grew by more than ${bounds.memory} bytes`);
    expect(finding?.input[0]).toBe(7);
  });
});
